import type { HoldingMemory } from '../../lib/training/state.ts';

/** For what steps allocate besides tensors: batches, the heap of JavaScript, buffers of the supervisor beside us. */
const spareBytes = 256 * 1024 * 1024;

export interface HeadroomQuestion {
  /** Bytes of the snapshot. Held, they stay while the next steps make tensors in their place. */
  readonly bytes: number;
  /** The largest snapshot that was held while steps were taken: memory that is kept has grown for it already. */
  readonly coveredBytes: number;
  readonly memory: readonly HoldingMemory[];
}

/** Why training must stand still until a snapshot is written, in words; undefined where there is room for one more copy of the state. */
export function whyNoHeadroom({ bytes, coveredBytes, memory }: HeadroomQuestion): string | undefined {
  for (const { what, freeBytes, isKept } of memory) {
    const neededBytes = isKept ? Math.max(0, bytes - coveredBytes) : bytes;
    if (neededBytes === 0 || neededBytes + spareBytes <= freeBytes) continue;
    return (
      `${what} has ${megabytes(Math.max(0, freeBytes))} left, too little for steps beside a held copy of the state ` +
      `(${megabytes(neededBytes)} and ${megabytes(spareBytes)} to spare)`
    );
  }
  return undefined;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
