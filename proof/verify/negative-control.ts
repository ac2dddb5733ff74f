import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defined } from '../../lib/base/assert.ts';
import type { Random } from '../../lib/base/random.ts';
import { parseDocument } from '../../lib/contract/parse-document.ts';
import { placesInSafetensors } from '../../lib/contract/safetensors.ts';
import type { StepRecord } from '../../lib/contract/step-record.ts';
import { type TrainerDocument, trainerDocumentSchema } from '../../lib/contract/trainer-document.ts';
import { compareRuns } from './compare-runs.ts';
import type { CopiedCheckpoint } from './copied-checkpoint.ts';
import type { Divergence } from './divergence.ts';
import type { Trial } from './trial.ts';

/**
 * `nothing-to-drop`: the program keeps nothing that could be left out. `missed`: the comparison does not see what it must
 * see. `not-run`: there was no checkpoint, or the program would not go on from any.
 */
export type NegativeControl = 'found' | 'nothing-to-drop' | 'missed' | 'not-run';

/** `refused`: the program would not go on from what it was given. */
export type ControlResult = NegativeControl | 'refused';

/** A program that goes on from whole checkpoints, and not from one that lacks a part, has noticed it by itself. */
export function controlOf(result: ControlResult, divergence: Divergence | undefined): NegativeControl {
  if (result !== 'refused') return result;
  return divergence === undefined ? 'found' : 'not-run';
}

/** A part may be one that nobody misses, such as a number of a version that `load` ignores: then it is another one's turn. */
const partsTriedMax = 4;

/** Something of a checkpoint that is not zero, so that it is missed where it is not restored. */
interface Part {
  /** As a record calls it. */
  readonly component: string;
  drop(): Promise<void>;
}

interface ControlOptions {
  readonly trial: Pick<Trial, 'run'>;
  readonly checkpoint: CopiedCheckpoint;
  readonly records: readonly StepRecord[];
  readonly dir: string;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/**
 * Drops one part of a checkpoint on purpose and resumes from it: a comparison that does not name it would prove nothing.
 * @param records of the process that made the checkpoint
 */
export async function negativeControl(options: ControlOptions): Promise<ControlResult> {
  const { checkpoint, dir, random } = options;
  const parts = (await partsOf(checkpoint.dir)).length;
  if (parts === 0) return 'nothing-to-drop';
  const first = Math.floor(random.next() * parts);
  let result: ControlResult = 'missed';
  for (let tried = 0; tried < Math.min(parts, partsTriedMax); tried++) {
    const without = await runWithout((first + tried) % parts, { ...options, dir: join(dir, String(tried)) });
    if (without === 'found') return 'found';
    if (without === 'refused') result = 'refused';
  }
  return result;
}

async function runWithout(
  number: number,
  { trial, checkpoint, records, dir, signal }: ControlOptions,
): Promise<'found' | 'missed' | 'refused'> {
  await cp(checkpoint.dir, dir, { recursive: true });
  const part = defined((await partsOf(dir))[number], 'a copy has the parts of the original');
  await part.drop();
  const { records: found, end } = await trial.run({
    from: { ...checkpoint, dir },
    signal,
    // What comes of a checkpoint that lacks a part explains nothing else.
    traceDir: `${dir}-traces`,
    onRecords: (log) => log.step !== undefined,
  });
  const legs = [
    { records: found.slice(0, 1), after: 'the negative control', resumedFromStep: checkpoint.step },
  ];
  const divergence = compareRuns(records, legs, { isComplete: false });
  // A program that does not resume differs in more than that.
  if (divergence?.all.includes(part.component) === true) return 'found';
  return end === 'failed' ? 'refused' : 'missed';
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

/** Of a program without tensors: numbers of its plain values, however deep they lie in a part. */
function numbersOf(document: TrainerDocument, path: string): readonly Part[] {
  return Object.entries(document.state).flatMap(([name, entry]) => {
    const { value } = entry;
    const hasParts = typeof value === 'object' && value !== null && !Array.isArray(value);
    const zeroings = hasParts
      ? Object.keys(value).map((key) => ({ component: `${name}.${key}`, zero: zeroing(value, key) }))
      : [{ component: name, zero: zeroing(entry, 'value') }];
    return zeroings.flatMap(({ component, zero }) =>
      zero === undefined
        ? []
        : {
            component,
            async drop() {
              zero();
              await writeFile(path, JSON.stringify(document));
            },
          },
    );
  });
}

/** What sets the first number to zero that is not, at `key` of `holder` or below; undefined where there is none. */
function zeroing(holder: object, key: string): (() => void) | undefined {
  const value: unknown = Reflect.get(holder, key);
  if (typeof value === 'number') return value === 0 ? undefined : () => void Reflect.set(holder, key, 0);
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.keys(value)
    .map((inner) => zeroing(value, inner))
    .find((zero) => zero !== undefined);
}
