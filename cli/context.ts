import type { Clock } from '../lib/base/clock.ts';
import type { Random } from '../lib/base/random.ts';
import type { Streams, Terminal } from './terminal.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The options that every command takes. */
export interface GlobalOptions {
  readonly json: boolean;
  readonly store: string | undefined;
  readonly queue: string | undefined;
  /** As typed; each command has its own default. */
  readonly dir: string | undefined;
}

/** The world outside, as a command line tool meets it. Tests bring their own. */
export interface CliPorts {
  readonly streams: Streams;
  readonly env: Environment;
  readonly cwd: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Asks a person a question of yes or no, on stderr; undefined where nobody can be asked. */
  confirm(question: string): Promise<boolean | undefined>;
  /** Asks a person for a line of text, on stderr; undefined where nobody can be asked. */
  ask(question: string): Promise<string | undefined>;
  /**
   * From the first call on, Ctrl-C, SIGTERM and the end of the terminal abort this signal instead of ending the process; a second one ends it.
   * A command that never calls it dies of the first, as any program.
   */
  untilInterrupted(): AbortSignal;
}

/** What a command is given. */
export interface CliContext extends CliPorts {
  readonly terminal: Terminal;
  readonly options: GlobalOptions;
}

/** A command: does its work and says with which code the process ends (`lib/contract/exit-codes.ts`). */
export type Command<Input> = (context: CliContext, input: Input) => Promise<number>;
