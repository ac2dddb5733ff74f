import { setMaxListeners } from 'node:events';
import { assert } from '../base/assert.ts';

/** Chunks of 8 MiB in flight at once: enough to hide a request's latency, 32 MiB of memory. */
export const defaultLanes = 4;

export interface Lanes {
  /** Aborted by the caller's signal or by the first failure: every task and wait inside listens to it. */
  readonly signal: AbortSignal;
  /** Starts `task` as soon as one of the lanes is free. The promise may be left alone: the first failure ends the whole. */
  readonly run: <Result>(task: () => Promise<Result>) => Promise<Result>;
}

/**
 * Runs `body`, whose tasks share a fixed number of lanes. Resolves only after every task has ended; the first failure
 * aborts the rest and is thrown after the last of them is still, so that nothing runs on behind the caller's back.
 */
export async function inLanes<Result>(
  options: { readonly lanes: number; readonly signal: AbortSignal },
  body: (lanes: Lanes) => Promise<Result>,
): Promise<Result> {
  assert(Number.isInteger(options.lanes) && options.lanes > 0, 'there is at least one lane');
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  // Every task and every wait listens, and takes its listener away at its end: many are no leak here.
  setMaxListeners(0, signal);
  const failures: unknown[] = [];
  const fail = (error: unknown): void => {
    failures.push(error);
    stop.abort(error);
  };
  const started = new Set<Promise<unknown>>();
  const gate = createGate(options.lanes);
  const run = <Value>(task: () => Promise<Value>): Promise<Value> => {
    const running = gate(async () => {
      try {
        signal.throwIfAborted();
        return await task();
      } catch (error) {
        // Before the lane is given on, so that no task starts after a failure.
        fail(error);
        throw error;
      }
    });
    // On the side as well, so that a task that nobody awaits cannot become an unhandled rejection.
    started.add(running.catch(() => {}));
    return running;
  };
  const whole = body({ signal, run });
  await whole.catch(fail);
  // Tasks may start tasks; none is left when a round adds nothing.
  for (let seen = -1; seen !== started.size;) {
    seen = started.size;
    await Promise.all(started);
  }
  options.signal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
  return await whole;
}

function createGate(lanes: number): <Value>(task: () => Promise<Value>) => Promise<Value> {
  let free = lanes;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}
