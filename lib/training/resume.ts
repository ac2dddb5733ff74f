import { IncompatibleError } from '../base/errors.ts';
import { parseDocument } from '../contract/parse-document.ts';
import { trainerDocumentSchema, type TrainerDocument } from '../contract/trainer-document.ts';
import { type SavableRun, trainerDocumentPath } from './snapshot.ts';
import { type RestoreOptions, type SavedFile, wholeFile } from './state.ts';

export interface ResumeOptions extends RestoreOptions {
  /** One file of the checkpoint. */
  readonly file: (path: string) => SavedFile;
  /** A fork may have another seed, other parameters and another order of the data, which `say` is told. Its data must be the same. */
  readonly fork: boolean;
}

/**
 * Puts a run where the checkpoint says. Everything is compared before anything is assigned.
 * @throws IncompatibleError that lists every difference
 */
export function resumeRun(run: SavableRun, options: ResumeOptions): void {
  const { progress, state, plan } = run;
  const { file, fork } = options;
  const document = parseDocument(trainerDocumentSchema, wholeFile(file(trainerDocumentPath)), {
    what: 'the state of the trainer',
    at: trainerDocumentPath,
  });
  const saved = { entries: document.state, omitted: document.omitted, file };
  const { migrate, say } = options;
  const restoring = {
    ...(migrate !== undefined && { migrate }),
    ...(say !== undefined && { say }),
  };
  const differences = [...differencesInData(document, run), ...(fork ? [] : differencesInRun(document, run))];
  if (differences.length > 0) {
    // The run is over either way: what else differs is told with it, so that a person mends everything at once.
    differences.push(...differencesIn(() => state.restore(saved, restoring)));
    throw new IncompatibleError('the checkpoint does not fit this run:', differences, {
      hint: 'Resume with the values of the checkpoint, or submit a new job to begin with others.',
    });
  }
  if (fork)
    for (const difference of differencesInRun(document, run)) say?.(`the fork differs: ${difference}`);
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

/** What stands between a checkpoint and any run, in words. State itself is compared by `TrainingState.restore`. */
function differencesInData(saved: TrainerDocument, { identity, plan }: SavableRun): readonly string[] {
  return [
    ...compared('data.examples', saved.data?.examples, plan.shape?.examples),
    ...Object.entries(saved.inputs).flatMap(([name, digest]) =>
      Object.hasOwn(identity.inputs, name) ? compared(`input ${name}`, digest, identity.inputs[name]) : [],
    ),
  ];
}

/** What makes a run another one, in words: not to be resumed, but forked. */
function differencesInRun(saved: TrainerDocument, { identity, plan }: SavableRun): readonly string[] {
  const [before, now] = [fieldsOf(saved.params), fieldsOf(identity.params)];
  return [
    ...compared('seed', saved.seed, identity.seed),
    ...compared('data.batchSize', saved.data?.batchSize, plan.shape?.batchSize),
    ...compared('data.shuffle', saved.data?.shuffle, plan.shape?.shuffle),
    ...compared('data.lastBatch', saved.data?.lastBatch, plan.shape?.lastBatch),
    ...(before === undefined || now === undefined
      ? compared('params', saved.params, identity.params)
      : [...new Set([...Object.keys(before), ...Object.keys(now)])].flatMap((name) =>
          compared(`params.${name}`, before[name], now[name]),
        )),
  ];
}

function compared(name: string, before: unknown, now: unknown): readonly string[] {
  return JSON.stringify(before) === JSON.stringify(now)
    ? []
    : [`${name}: ${shown(before)} in the checkpoint, ${shown(now)} here`];
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
