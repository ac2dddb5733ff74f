import type { NoticeSource } from './notice-source.ts';

export type StopSignal = 'SIGTERM' | 'SIGINT';

const stopSignals: readonly StopSignal[] = ['SIGTERM', 'SIGINT'];

/** The part of `process` that this source needs. */
export interface SignalEmitter {
  on(signal: StopSignal, listener: () => void): unknown;
  off(signal: StopSignal, listener: () => void): unknown;
}

export interface ProcessSignals extends NoticeSource {
  /** Called at each signal, so that nobody has to wait for the next poll. */
  onSignal(listener: () => void): void;
  [Symbol.dispose](): void;
}

/**
 * SIGTERM and SIGINT as a source of notices. From here on they end this process no longer by themselves; the first one stays
 * the notice. Disposing gives the signals back their usual effect.
 */
export function processSignals(emitter: SignalEmitter = process): ProcessSignals {
  let first: StopSignal | undefined;
  const listeners: Array<() => void> = [];
  const handlers = stopSignals.map((signal) => {
    const handler = (): void => {
      first ??= signal;
      for (const listener of listeners) listener();
    };
    emitter.on(signal, handler);
    return { signal, handler };
  });
  return {
    name: 'process signals',
    poll: () => Promise.resolve(first === undefined ? undefined : { kind: 'process-signal', signal: first }),
    onSignal: (listener) => void listeners.push(listener),
    [Symbol.dispose]() {
      for (const { signal, handler } of handlers) emitter.off(signal, handler);
    },
  };
}
