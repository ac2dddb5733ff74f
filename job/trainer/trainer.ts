import type { CheckpointSource } from '../../lib/checkpoint/source.ts';
import type { SupervisorMessage, TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import type { StagingMessage } from '../staged-checkpoint.ts';

/** How a trainer process ended. */
export interface TrainerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A checkpoint being written by a trainer; the supervisor reads it, tells it what the trainer says, and closes it. */
export interface StagedSource extends CheckpointSource {
  readonly message: StagingMessage;
  readonly isComplete: boolean;
  readonly bytes: number;
  wrote(path: string, bytes: number): void;
  staged(): void;
  abandon(why: string): void;
  close(): Promise<void>;
}

export interface TrainerEvents {
  readonly message: (message: TrainerMessage) => void;
  /** One line of the program's own output. */
  readonly output: (stream: 'out' | 'err', line: string) => void;
  /** The process is gone; comes once, after its last message. */
  readonly exit: (exit: TrainerExit) => void;
}

/** A running trainer: the TensorFlow.js host, any program that speaks level 1, or the command host. */
export interface Trainer {
  send(message: SupervisorMessage): void;
  /** Where the bytes of a `staging` message are read. */
  open(message: StagingMessage): StagedSource;
  /** SIGKILL to the whole process group. */
  kill(): void;
  /** A checkpoint for a notice is asked for at once: nobody knows how long this program takes to save. */
  readonly asksEarly: boolean;
}
