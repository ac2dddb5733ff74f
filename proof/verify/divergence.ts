import type { Failure } from './supervised-process.ts';

/** Where two runs of one program part: the first thing that differs, in the order in which a step makes them. */
export interface Divergence {
  /** Completed steps when it showed. */
  readonly step: number;
  /**
   * `refused`: the resumed process would not go on. `restored-state`: right after the resume, before any step.
   * `examples`: the batch. `metric`, `evaluation`: what a step or an evaluation returned, from equal state and examples.
   * `state`: what a step left, from equal state, examples and metrics. `length`: one run ended before the other.
   */
  readonly kind: 'refused' | 'restored-state' | 'examples' | 'metric' | 'evaluation' | 'state' | 'length';
  /** As the record of a step calls it: `model/dense/kernel`, `counter.seen`, `loss`. */
  readonly component: string;
  /** Everything that differs there, the component first. */
  readonly all: readonly string[];
  /** What the two runs have, for people. */
  readonly expected: string;
  readonly found: string;
  /** The interruption after which it showed. */
  readonly after: string;
  /** Step of the checkpoint that the process in which it showed began from; null: it began afresh. */
  readonly resumedFromStep: number | null;
  /** What a process said that would not go on. */
  readonly failure?: Failure;
}
