import { IncompatibleError } from '../base/errors.ts';
import { parseDocument } from '../contract/parse-document.ts';
import { trainerDocumentSchema, type TrainerDocument } from '../contract/trainer-document.ts';
import { type SavableRun, trainerDocumentPath } from './snapshot.ts';
import type { RestoreOptions } from './state.ts';

export interface ResumeOptions extends RestoreOptions {
  /** Reads one file of the checkpoint whole. */
  readonly readFile: (path: string) => Uint8Array;
  /** A fork may have another seed, other parameters and another order of the data. Its data must be the same. */
  readonly fork: boolean;
}

/**
 * Puts a run where the checkpoint says. Everything is compared before anything is assigned.
 * @throws IncompatibleError that lists every difference
 */
export function resumeRun(run: SavableRun, options: ResumeOptions): void {
  const { progress, state, plan } = run;
  const { readFile, fork } = options;
  const document = parseDocument(trainerDocumentSchema, readFile(trainerDocumentPath), {
    what: 'the state of the trainer',
    at: trainerDocumentPath,
  });
  const saved = { entries: document.state, readFile };
  const restoring = options.migrate === undefined ? {} : { migrate: options.migrate };
  const differences = differencesOf(document, run, fork);
  if (differences.length > 0) {
    // The run is over either way: what else differs is told with it, so that a person mends everything at once.
    differences.push(...differencesIn(() => state.restore(saved, restoring)));
    throw new IncompatibleError('the checkpoint does not fit this run:', differences, {
      hint: 'Resume with the values of the checkpoint, or submit a new job to begin with others.',
    });
  }
  state.restore(saved, restoring);
  progress.load({
    ...document,
    position: plan.order.settled(document.position),
    // A fork is made to go on, from wherever its parent ended.
    stopped: fork ? null : document.stopped,
  });
}

function differencesIn(restore: () => void): readonly string[] {
  try {
    restore();
    return [];
  } catch (error) {
    if (error instanceof IncompatibleError) return error.differences;
    throw error;
  }
}

/** What stands between a checkpoint and a run, in words. State itself is compared by `TrainingState.restore`. */
function differencesOf(saved: TrainerDocument, run: SavableRun, fork: boolean): string[] {
  const { identity, plan } = run;
  const found: string[] = [];
  const compare = (name: string, before: unknown, now: unknown): void => {
    if (JSON.stringify(before) !== JSON.stringify(now))
      found.push(`${name}: ${shown(before)} in the checkpoint, ${shown(now)} here`);
  };
  compare('data.examples', saved.data?.examples, plan.shape?.examples);
  for (const [name, digest] of Object.entries(saved.inputs))
    if (Object.hasOwn(identity.inputs, name)) compare(`input ${name}`, digest, identity.inputs[name]);
  if (fork) return found;
  compare('seed', saved.seed, identity.seed);
  compare('data.batchSize', saved.data?.batchSize, plan.shape?.batchSize);
  compare('data.shuffle', saved.data?.shuffle, plan.shape?.shuffle);
  compare('data.lastBatch', saved.data?.lastBatch, plan.shape?.lastBatch);
  const [before, now] = [fieldsOf(saved.params), fieldsOf(identity.params)];
  if (before === undefined || now === undefined) compare('params', saved.params, identity.params);
  else
    for (const name of new Set([...Object.keys(before), ...Object.keys(now)]))
      compare(`params.${name}`, before[name], now[name]);
  return found;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
