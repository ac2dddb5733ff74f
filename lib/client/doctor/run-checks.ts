import { defaultMaxListeners, setMaxListeners } from 'node:events';
import type { Clock } from '../../base/clock.ts';
import { HoldfastError, messageOf } from '../../base/errors.ts';
import { withTimeLimit } from '../../base/time-limit.ts';
import { type Check, type CheckResult, type Finding, skip } from './check.ts';

/** Every call of a check has a limit of its own; this one is for all of them together. */
const limitMsDefault = 15_000;

/**
 * Runs all checks at once, each with its time limit, and answers in their order. One that rests on another waits for it, and
 * is skipped unless that one passed or warned. Never rejects but for the caller's own abort.
 */
export async function runChecks(
  checks: readonly Check[],
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal },
): Promise<readonly CheckResult[]> {
  // One listener a check, all of them gone at the end: no leak.
  if (signal !== undefined) setMaxListeners(checks.length + defaultMaxListeners, signal);
  const running = new Map<string, Promise<CheckResult>>();
  for (const check of checks) running.set(check.name, resultOf(check, { running, clock, signal }));
  const results = await Promise.all(running.values());
  signal?.throwIfAborted();
  return results;
}

interface Round {
  readonly running: ReadonlyMap<string, Promise<CheckResult>>;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

async function resultOf(check: Check, round: Round): Promise<CheckResult> {
  const { status, message, next } = await findingOf(check, round);
  return {
    name: check.name,
    status,
    message: oneLine(message),
    next: next === undefined ? null : oneLine(next),
  };
}

async function findingOf(check: Check, { running, clock, signal }: Round): Promise<Finding> {
  const { name, after, limitMs = limitMsDefault } = check;
  // All checks are under way before the first of them goes on.
  await Promise.resolve();
  const before = after === undefined ? undefined : await running.get(after);
  if (before?.status === 'fail') return skip(`rests on ${before.name}, which failed`);
  if (before?.status === 'skip') return skip(before.message);
  try {
    return await withTimeLimit((limited) => check.run(limited), {
      clock,
      limitMs,
      what: `the check of ${name}`,
      signal,
    });
  } catch (error) {
    return ofError(error);
  }
}

function ofError(error: unknown): Finding {
  const hint = error instanceof HoldfastError ? error.hint : undefined;
  return {
    status: 'fail',
    message: messageOf(error),
    next: hint ?? 'look at the network and at this machine, then run `holdfast doctor` again',
  };
}

/** A row of a table is one line, whatever a service said. */
function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').trim();
}
