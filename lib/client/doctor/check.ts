/** How a check ended. `skip`: it does not apply here, or rests on one that failed. */
export type CheckStatus = 'pass' | 'warn' | 'fail' | 'skip';

export interface Finding {
  readonly status: CheckStatus;
  /** One line of facts. */
  readonly message: string;
  /** What to type or do next; only where there is something to be done. */
  readonly next?: string;
}

/** One question to the world, with everything that it asks injected where it is made. */
export interface Check {
  readonly name: string;
  /** Name of a check without which this one means nothing. */
  readonly after?: string;
  /** @default 15 s */
  readonly limitMs?: number;
  /** An error is a failed check: its message and its hint are shown. */
  run(signal: AbortSignal): Promise<Finding>;
}

export interface CheckResult {
  readonly name: string;
  readonly status: CheckStatus;
  readonly message: string;
  readonly next: string | null;
}

export const pass = (message: string): Finding => ({ status: 'pass', message });
export const warn = (message: string, next: string): Finding => ({ status: 'warn', message, next });
export const fail = (message: string, next: string): Finding => ({ status: 'fail', message, next });
export const skip = (message: string): Finding => ({ status: 'skip', message });

/** A check that does not apply, with the reason. */
export function skipped(name: string, why: string): Check {
  return { name, run: () => Promise.resolve(skip(why)) };
}
