import type { Command as Definition } from 'commander';
import type { Command } from '../context.ts';

/**
 * Loads a command's own file when it is typed, and only then: `holdfast --help` must load no SDK and no TensorFlow.js.
 */
export type Run = <Input>(load: () => Promise<Command<Input>>, input: Input) => Promise<void>;

/** Adds commands to the program. */
export type Define = (program: Definition, run: Run) => void;

/** Collects an option that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
