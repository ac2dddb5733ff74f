import { redact } from './redact.ts';

/**
 * What the caller should do about an error. Code branches on this alone, never on a message.
 *
 * - `retry`: transient; the same call may succeed later.
 * - `fall-back`: this checkpoint is damaged; take an older one.
 * - `yield`: somebody else owns the job now, or knows more than we do; stop writing at once.
 * - `reject`: a human has to decide (bad input, incompatible checkpoint, missing permission).
 * - `crash`: a fault in Holdfast itself.
 */
export type Remedy = 'retry' | 'fall-back' | 'yield' | 'reject' | 'crash';

/** Facts that a message ends with, printed as key=`value`. */
export type Facts = Readonly<Record<string, string | number | boolean | undefined>>;

export interface ErrorOptionsWithHint {
  /** Next step for an operator, as a sentence or a command. */
  readonly hint?: string;
  readonly facts?: Facts;
  readonly cause?: unknown;
}

/** Base of every error that Holdfast throws on purpose. Secrets in addresses do not get into its message. */
export abstract class HoldfastError extends Error {
  abstract readonly code: string;
  abstract readonly remedy: Remedy;
  readonly hint: string | undefined;

  constructor(message: string, options: ErrorOptionsWithHint = {}) {
    super(
      redact(withFacts(message, options.facts)),
      options.cause === undefined ? {} : { cause: options.cause },
    );
    this.hint = options.hint === undefined ? undefined : redact(options.hint);
  }
}

/** Bad input from a person: wrong flag, unknown parameter, malformed file. Exit code 2. */
export class UsageError extends HoldfastError {
  override readonly name = 'UsageError';
  readonly code = 'USAGE';
  readonly remedy = 'reject';
}

/** A job, checkpoint or object that was asked for by name does not exist. Exit code 3. */
export class NotFoundError extends HoldfastError {
  override readonly name = 'NotFoundError';
  readonly code = 'NOT_FOUND';
  readonly remedy = 'reject';
}

/** The store or queue refused our credentials or permissions. Never a sign of corruption. Exit code 4. */
export class AccessDeniedError extends HoldfastError {
  override readonly name = 'AccessDeniedError';
  readonly code = 'ACCESS_DENIED';
  readonly remedy = 'reject';
  /** `nobody`: this machine has no valid credentials just now, which says nothing about what was asked for. */
  readonly caller: 'nobody' | 'somebody';

  constructor(message: string, options: ErrorOptionsWithHint & { readonly caller?: 'nobody' } = {}) {
    super(message, options);
    this.caller = options.caller ?? 'somebody';
  }
}

/** The request does not fit the state of the job, as `resume` of a job that is running. Exit code 5. */
export class ConflictError extends HoldfastError {
  override readonly name = 'ConflictError';
  readonly code = 'CONFLICT';
  readonly remedy = 'reject';
}

/**
 * Network fault, throttling, time-out, 5xx, 409. The outcome of a write is then unknown, read back before concluding;
 * but for `applied: 'no'`, which only a driver says that knows (as of a 409, which is an answer that nothing was written).
 */
export class TransientError extends HoldfastError {
  override readonly name = 'TransientError';
  readonly code = 'TRANSIENT';
  readonly remedy = 'retry';
  readonly applied: 'no' | 'unknown';

  constructor(message: string, options: ErrorOptionsWithHint & { readonly applied?: 'no' } = {}) {
    super(message, options);
    this.applied = options.applied ?? 'unknown';
  }
}

/** A newer claim stands in the journal: this worker no longer owns the job. */
export class FencedError extends HoldfastError {
  override readonly name = 'FencedError';
  readonly code = 'FENCED';
  readonly remedy = 'yield';
}

/** Written by a newer Holdfast: neither corrupt nor ours to touch. */
export class UnknownFormatError extends HoldfastError {
  override readonly name = 'UnknownFormatError';
  readonly code = 'UNKNOWN_FORMAT';
  readonly remedy = 'yield';
}

/** Bytes that were downloaded completely are not the bytes that were committed, or an object that must exist is gone. */
export class CorruptionError extends HoldfastError {
  override readonly name = 'CorruptionError';
  readonly code = 'CORRUPT';
  readonly remedy = 'fall-back';
}

/** A job has history, but none of its checkpoints can be used. Never answered by a fresh start: a human decides. */
export class UnrecoverableError extends HoldfastError {
  override readonly name = 'UnrecoverableError';
  readonly code = 'UNRECOVERABLE';
  readonly remedy = 'reject';
}

/** Checkpoint and program do not fit together. The message lists every difference. */
export class IncompatibleError extends HoldfastError {
  override readonly name = 'IncompatibleError';
  readonly code = 'INCOMPATIBLE';
  readonly remedy = 'reject';
  readonly differences: readonly string[];

  constructor(message: string, differences: readonly string[], options: ErrorOptionsWithHint = {}) {
    super([message, ...differences.map((difference) => `  - ${difference}`)].join('\n'), options);
    this.differences = differences;
  }
}

/** The user's program threw, or did what it must not. The stack is the user's. */
export class UserProgramError extends HoldfastError {
  override readonly name = 'UserProgramError';
  readonly code = 'USER_PROGRAM';
  readonly remedy = 'reject';
}

/** The store or machine cannot keep a promise that Holdfast rests on, as a store that ignores conditional writes. */
export class UnfitError extends HoldfastError {
  override readonly name = 'UnfitError';
  readonly code = 'UNFIT';
  readonly remedy = 'reject';
}

/** A fault in Holdfast itself. */
export class InvariantError extends HoldfastError {
  override readonly name = 'InvariantError';
  readonly code = 'INVARIANT';
  readonly remedy = 'crash';
}

/** The remedy of any thrown value; what is not ours is a crash. */
export function remedyOf(error: unknown): Remedy {
  return error instanceof HoldfastError ? error.remedy : 'crash';
}

/** The message of any thrown value, for a log line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function withFacts(message: string, facts: Facts | undefined): string {
  const shown = Object.entries(facts ?? {}).filter(([, value]) => value !== undefined);
  return shown.length === 0
    ? message
    : `${message} ${shown.map(([key, value]) => `${key}=\`${value}\``).join(', ')}`;
}
