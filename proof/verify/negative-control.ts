import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../../lib/base/random.ts';
import { parseDocument } from '../../lib/contract/parse-document.ts';
import { placesInSafetensors } from '../../lib/contract/safetensors.ts';
import type { StepRecord } from '../../lib/contract/step-record.ts';
import { type TrainerDocument, trainerDocumentSchema } from '../../lib/contract/trainer-document.ts';
import { compareRuns } from './compare-runs.ts';
import type { CopiedCheckpoint } from './copied-checkpoint.ts';
import type { Trial } from './trial.ts';

/**
 * `nothing-to-drop`: the program keeps nothing that could be left out. `missed`: the comparison does not see what it must
 * see. `not-run`: there was no checkpoint, or the program would not go on from any.
 */
export type NegativeControl = 'found' | 'nothing-to-drop' | 'missed' | 'not-run';

/** Something of a checkpoint that is not zero, so that it is missed where it is not restored. */
interface Part {
  /** As a record calls it. */
  readonly component: string;
  drop(): Promise<void>;
}

/**
 * Drops one part of a checkpoint on purpose and resumes from it: a comparison that does not name it would prove nothing.
 * @param records of the process that made the checkpoint
 */
export async function negativeControl(options: {
  readonly trial: Trial;
  readonly checkpoint: CopiedCheckpoint;
  readonly records: readonly StepRecord[];
  readonly dir: string;
  readonly random: Random;
  readonly signal: AbortSignal;
}): Promise<NegativeControl> {
  const { trial, checkpoint, records, dir, random, signal } = options;
  await cp(checkpoint.dir, dir, { recursive: true });
  const parts = await partsOf(dir);
  const part = parts[Math.floor(random.next() * parts.length)];
  if (part === undefined) return 'nothing-to-drop';
  await part.drop();
  const { records: found, end } = await trial.run({
    from: { ...checkpoint, dir },
    signal,
    onRecords: (log) => log.step !== undefined,
  });
  if (end === 'failed') return 'not-run';
  const legs = [{ records: found.slice(0, 1), after: 'the negative control' }];
  const divergence = compareRuns(records, legs, { isComplete: false });
  // A program that does not resume differs in more than that.
  return divergence?.all.includes(part.component) === true ? 'found' : 'missed';
}

async function partsOf(dir: string): Promise<readonly Part[]> {
  const path = join(dir, 'trainer.json');
  const document = parseDocument(trainerDocumentSchema, await readFile(path), {
    what: 'a trainer document',
    at: path,
  });
  const tensors: Part[] = [];
  for (const [name, { file }] of Object.entries(document.state))
    if (file !== undefined) tensors.push(...(await tensorsOf(name, join(dir, file))));
  return tensors.length > 0 ? tensors : numbersOf(document, path);
}

async function tensorsOf(name: string, path: string): Promise<readonly Part[]> {
  const bytes = await readFile(path);
  return [...placesInSafetensors({ head: bytes, bytes: bytes.length }, path)]
    .filter(([, { begin, end }]) => bytes.subarray(begin, end).some((byte) => byte !== 0))
    .map(([tensor, { begin, end }]) => ({
      component: `${name}/${tensor}`,
      async drop() {
        await writeFile(path, bytes.fill(0, begin, end));
      },
    }));
}

/** Of a program without tensors: numbers of its plain values. */
function numbersOf(document: TrainerDocument, path: string): readonly Part[] {
  return Object.entries(document.state).flatMap(([name, { value }]) =>
    typeof value !== 'object' || value === null
      ? []
      : Object.entries(value)
          .filter(([, number]) => typeof number === 'number' && number !== 0)
          .map(([part]) => ({
            component: `${name}.${part}`,
            async drop() {
              Object.assign(value, { [part]: 0 });
              await writeFile(path, JSON.stringify(document));
            },
          })),
  );
}
