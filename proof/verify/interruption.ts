/** Kinds of places, of which each is hit at most once; in this order where fewer are asked for. */
export const placedKinds = [
  'first-step',
  'mid-epoch',
  'during-save',
  'epoch-boundary',
  'no-notice',
  'evaluation',
  'twice',
] as const;

/** Where an interruption hits; `random` ones are added where more are asked for than there are kinds of places. */
export const interruptionKinds = [...placedKinds, 'random'] as const;

export type InterruptionKind = (typeof interruptionKinds)[number];

/** What a process has just done when it is killed. `step` counts completed steps. */
export interface KillPoint {
  /**
   * `staged`: its checkpoint of this step is complete. `staging`: it is being written, and is lost. `evaluation`: it has
   * begun to evaluate after this step. `step`: the step is complete, whatever was saved before.
   */
  readonly on: 'staged' | 'staging' | 'evaluation' | 'step';
  readonly step: number;
}

export interface Interruption {
  readonly kind: InterruptionKind;
  /** Steps after which the process that will be killed saves. */
  readonly saveAtSteps: readonly number[];
  readonly kill: KillPoint;
}

/** An interruption that has happened. */
export interface InterruptionPoint {
  readonly kind: InterruptionKind;
  /** Completed steps at the kill. */
  readonly killedAtStep: number;
  /** Step of the checkpoint that the next process begins from; null: there is none, it begins afresh. */
  readonly resumedFromStep: number | null;
}

export const interruptionWords: Readonly<Record<InterruptionKind, string>> = {
  'first-step': 'right after the first step',
  'mid-epoch': 'in the middle of an epoch',
  'during-save': 'while a checkpoint was being written',
  'epoch-boundary': 'at the end of an epoch',
  'no-notice': 'without notice, some steps after a checkpoint',
  evaluation: 'during an evaluation',
  twice: 'twice in a row, before it had saved again',
  random: 'at a random step',
};
