import type { DataShape, Step } from '../soak/audit-samples.ts';

/** How often an epoch's examples were seen on the line of steps that made the result. */
export interface EpochCount {
  readonly epoch: number;
  readonly examples: number;
  readonly distinct: number;
}

/** Epochs in order; empty for a program without data. */
export function epochsOf(line: readonly Step[]): readonly EpochCount[] {
  const seen = new Map<number, number[]>();
  for (const { epoch, examples } of line) {
    if (examples === null) continue;
    const all = seen.get(epoch) ?? [];
    for (const example of examples) all.push(example);
    seen.set(epoch, all);
  }
  return [...seen].map(([epoch, examples]) => ({
    epoch,
    examples: examples.length,
    distinct: new Set(examples).size,
  }));
}

/**
 * What an epoch of a run that was left alone has: the longest one tells how many examples, since the last one may be cut
 * short. Undefined for a program without data.
 */
export function shapeOf(alone: readonly Step[]): DataShape | undefined {
  const batchSize = alone[0]?.examples?.length;
  if (batchSize === undefined) return undefined;
  const examples = Math.max(...epochsOf(alone).map((epoch) => epoch.examples));
  return { examples, batchSize, lastBatch: 'keep' };
}
