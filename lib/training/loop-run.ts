import type { Clock } from '../base/clock.ts';
import type { SaveReason } from '../contract/manifest.ts';
import type { Training } from './define-training.ts';
import type { Plan } from './plan.ts';
import type { Progress } from './progress.ts';
import type { MathRandom, RandomStreams } from './random-streams.ts';
import type { MetricValues } from './tensors.ts';

/** What whoever runs the loop does at its joints. */
export interface LoopHooks {
  /** At every step boundary. Saves what is due or asked for; resolves when training may go on, or with `'stop'`. */
  boundary(): Promise<'go-on' | 'stop'>;
  /** Resolves once the present state is staged in full, or with `'stop'`. */
  secure(reason: SaveReason): Promise<'go-on' | 'stop'>;
  phase(phase: 'first-step' | 'training' | 'evaluating'): void;
  stepped(step: { readonly stepMs: number; readonly metrics: MetricValues }): void;
  evaluated(metrics: MetricValues): void;
  /** Aborted when an evaluation should end at once: it will be done again. */
  evaluationSignal(): AbortSignal;
}

export interface LoopRun {
  readonly training: Training<unknown>;
  readonly plan: Plan;
  readonly streams: RandomStreams;
  readonly mathRandom: MathRandom;
  readonly progress: Progress;
  readonly clock: Clock;
  readonly hooks: LoopHooks;
}
