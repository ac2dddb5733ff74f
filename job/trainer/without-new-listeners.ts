import type { EventEmitter } from 'node:events';

/**
 * Runs `work`, and removes the listeners for uncaught errors that it added to this process. The wasm backend brings some
 * that throw again, which would end the process before its supervisor is told why.
 */
export async function withoutNewListeners<Result>(work: () => Promise<Result>): Promise<Result> {
  const strays: EventEmitter = process;
  const events = ['uncaughtException', 'unhandledRejection'];
  const before = new Set(events.flatMap((event) => strays.rawListeners(event)));
  try {
    return await work();
  } finally {
    for (const event of events) {
      for (const listener of strays.rawListeners(event))
        if (isListener(listener) && !before.has(listener)) strays.removeListener(event, listener);
    }
  }
}

function isListener(value: unknown): value is (...args: unknown[]) => void {
  return typeof value === 'function';
}
