import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { processSignals } from '../../../lib/interruption/process-signals.ts';

const { signal } = new AbortController();

describe('processSignals', () => {
  it('finds nothing until a signal comes, then the first one for ever', async () => {
    const emitter = new EventEmitter();
    using source = processSignals(emitter);
    await expect(source.poll(signal)).resolves.toBeUndefined();
    emitter.emit('SIGTERM');
    emitter.emit('SIGINT');
    await expect(source.poll(signal)).resolves.toEqual({ kind: 'process-signal', signal: 'SIGTERM' });
    await expect(source.poll(signal)).resolves.toEqual({ kind: 'process-signal', signal: 'SIGTERM' });
  });

  it('calls its listeners at each signal', () => {
    const emitter = new EventEmitter();
    using source = processSignals(emitter);
    let calls = 0;
    source.onSignal(() => calls++);
    emitter.emit('SIGINT');
    emitter.emit('SIGTERM');
    expect(calls).toBe(2);
  });

  it('takes its handlers away when it is disposed', () => {
    const emitter = new EventEmitter();
    const source = processSignals(emitter);
    expect(emitter.eventNames()).toEqual(['SIGTERM', 'SIGINT']);
    source[Symbol.dispose]();
    expect(emitter.eventNames()).toEqual([]);
  });
});
