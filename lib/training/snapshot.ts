import { UserProgramError } from '../base/errors.ts';
import { encodeDocument } from '../contract/parse-document.ts';
import type { Position, TrainerDocument } from '../contract/trainer-document.ts';
import type { Encoded } from './plain-values.ts';
import type { Plan } from './plan.ts';
import type { Progress } from './progress.ts';
import type { HeldFile, TrainingState } from './state.ts';

export const trainerDocumentPath = 'trainer.json';

/** What a run was started with: must be the same in a resume. */
export interface RunIdentity {
  readonly seed: number;
  /** The parameters as the program parsed them, in their saved form. */
  readonly params: Encoded;
  /** SHA-256 of each input, where known. */
  readonly inputs: Readonly<Record<string, string>>;
}

/** A run that can be saved: the program's state, and the loop's. */
export interface SavableRun {
  readonly identity: RunIdentity;
  readonly plan: Plan;
  readonly progress: Progress;
  readonly state: TrainingState;
}

/** Everything of one instant, as files. Held by reference until `release`. */
export interface Snapshot {
  readonly position: Position;
  readonly files: readonly HeldFile[];
  /** Set when this very state has just been evaluated as the best so far. */
  readonly best?: { readonly metric: string; readonly value: number };
  /** States that are not in these files, as the job wishes. */
  readonly omitted: readonly string[];
  release(): void;
}

/**
 * Holds a run between two steps. Equal states give equal files, whenever and wherever they are taken.
 * @throws UserProgramError when a variable that the program left out of `state` has changed: a resume would lose it
 */
export function takeSnapshot(run: SavableRun): Snapshot {
  const { progress, state } = run;
  const forgotten = state.forgotten();
  if (forgotten.length > 0) {
    const names = forgotten.map((name) => `\`${name}\``).join(', ');
    throw new UserProgramError(
      `${names} changed in training, but ${forgotten.length === 1 ? 'is' : 'are'} not in the \`state\` of the program: a resume would lose it.`,
      { hint: 'Return the variable, or the model or optimizer that owns it, in `state`.' },
    );
  }
  const held = state.hold();
  const document = encodeDocument(documentOf(run, held.entries));
  const { best, isBest, position } = progress;
  return {
    position,
    files: [
      ...held.files,
      {
        path: trainerDocumentPath,
        bytes: document.length,
        pieces: [{ bytes: document.length, read: () => document, view: () => document }],
      },
    ],
    ...(isBest && best !== null && { best: { metric: best.metric, value: best.value } }),
    omitted: state.omitted,
    release: () => held.release(),
  };
}

function documentOf(run: SavableRun, entries: TrainerDocument['state']): TrainerDocument {
  const { identity, plan, progress, state } = run;
  const { position, evaluation, best, stopped, epochMetrics } = progress.document();
  return {
    format: 1,
    position,
    seed: identity.seed,
    params: identity.params,
    inputs: { ...identity.inputs },
    data: plan.shape,
    evaluation,
    best,
    stopped,
    epochMetrics,
    ...(state.omitted.length > 0 && { omitted: [...state.omitted] }),
    state: entries,
  };
}

/** What must fit for a resume, as the manifest keeps it. */
export function compatibilityOf(run: SavableRun): Record<string, unknown> {
  const { identity, plan, state } = run;
  return { ...identity, data: plan.shape, ...state.compatibility() };
}
