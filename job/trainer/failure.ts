import { dirname, relative } from 'node:path';
import {
  HoldfastError,
  IncompatibleError,
  messageOf,
  UsageError,
  UserProgramError,
} from '../../lib/base/errors.ts';
import { ownCode } from '../../lib/base/package-files.ts';
import type { TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import { NonFiniteLossError } from '../../lib/training/non-finite-loss-error.ts';

export type Failure = Extract<TrainerMessage, { kind: 'failed' }>['error'];

/** A stack is read by a person; more than this is recursion. */
const stackLinesMax = 30;

/** What the supervisor is told of an error. Paths in the stack are relative to the program's folder: `train.ts:14:9`. */
export function failureOf(error: unknown, programPath: string, step: number): Failure {
  const stack = error instanceof Error ? programStack(error, programPath) : undefined;
  const place = stack === undefined ? undefined : firstPlace(stack);
  const message = messageOf(error);
  const hint = error instanceof HoldfastError ? error.hint : undefined;
  return {
    cause: causeOf(error),
    message: place === undefined ? message : `${message} (${place})`,
    ...(stack !== undefined && { stack }),
    ...(hint !== undefined && { hint }),
    ...(error instanceof IncompatibleError && { differences: [...error.differences] }),
    step,
  };
}

/** Whatever is not ours was thrown by the program, or by TensorFlow.js on its behalf. */
function causeOf(error: unknown): Failure['cause'] {
  if (error instanceof NonFiniteLossError) return 'non-finite-loss';
  if (error instanceof IncompatibleError) return 'incompatible';
  if (error instanceof UserProgramError || error instanceof UsageError) return 'user';
  return error instanceof HoldfastError ? 'infrastructure' : 'user';
}

/** The program's own frames: without Node, this host and installed packages. Undefined when there are none. */
export function programStack(error: Error, programPath: string): string | undefined {
  const folder = dirname(programPath);
  const lines = (error.stack ?? '').split('\n');
  const firstFrame = lines.findIndex((line) => /^\s+at /.test(line));
  if (firstFrame === -1) return undefined;
  const frames = lines
    .slice(firstFrame)
    .filter(
      (line) =>
        !/node:|\/node_modules\//.test(line) &&
        !ownCode.some((own) => line.includes(own)) &&
        /:\d+:\d+\)?$/.test(line),
    )
    .map((line) =>
      line.replace(/(?:file:\/\/)?(\/[^\s()]*?)(:\d+:\d+)\)?$/, (_, path: string, at: string) => {
        const closing = line.endsWith(')') ? ')' : '';
        return `${relative(folder, path)}${at}${closing}`;
      }),
    );
  if (frames.length === 0) return undefined;
  return [`${error.name}: ${error.message}`, ...frames].slice(0, stackLinesMax).join('\n');
}

/** File and line of the innermost frame. */
function firstPlace(stack: string): string | undefined {
  const frame = stack.split('\n').find((line) => /^\s+at /.test(line));
  return frame === undefined ? undefined : /([^\s()]+:\d+:\d+)\)?$/.exec(frame)?.[1];
}
