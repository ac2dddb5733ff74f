import type { JobSpec } from '../../lib/contract/job-spec.ts';
import type { InterruptionRisk, TrainerStart } from '../../lib/contract/trainer-messages.ts';
import type { AttemptDirs } from '../work-dirs.ts';
import type { Trainer, TrainerEvents } from './trainer.ts';

export interface TrainerOrder {
  readonly spec: JobSpec;
  readonly dirs: AttemptDirs;
  /** Local path of the bundled program; undefined for a command. */
  readonly programPath: string | undefined;
  /** Local path of each input. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly inputDigests: Readonly<Record<string, string>>;
  /** There is history, so that a checkpoint will be restored: `setup` may leave out an expensive warm start. */
  readonly resuming: boolean;
  /** What the adaptive interval rests on. */
  readonly risk: InterruptionRisk;
  /** Every step is to be noted. */
  readonly record?: TrainerStart['record'];
  /** When to save and to end is laid down. */
  readonly course?: TrainerStart['course'];
}

/** Starts the trainer that a spec asks for. */
export type StartTrainer = (order: TrainerOrder, events: TrainerEvents) => Trainer;
