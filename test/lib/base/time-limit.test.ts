import { describe, expect, it } from 'vitest';
import { TransientError } from '../../../lib/base/errors.ts';
import { withTimeLimit } from '../../../lib/base/time-limit.ts';
import { manualClock } from '../../support/manual-clock.ts';

const never = (): Promise<never> => new Promise(() => undefined);

describe('withTimeLimit', () => {
  it('passes the result on and leaves no timer behind', async () => {
    const clock = manualClock();
    await expect(withTimeLimit(async () => 7, { clock, limitMs: 100, what: 'it' })).resolves.toBe(7);
    expect(clock.sleepers).toBe(0);
  });

  it('passes the error of the operation on and leaves no timer behind', async () => {
    const clock = manualClock();
    const failing = withTimeLimit(() => Promise.reject(new RangeError('no')), {
      clock,
      limitMs: 100,
      what: 'it',
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(clock.sleepers).toBe(0);
  });

  it('gives up at the limit, not before, even on an operation that ignores its signal', async () => {
    const clock = manualClock();
    let settled = false;
    const limited = withTimeLimit(never, { clock, limitMs: 100, what: 'the look' });
    limited.catch(() => undefined).finally(() => (settled = true));
    await clock.advance(99);
    expect(settled).toBe(false);
    await clock.advance(1);
    await expect(limited).rejects.toThrow(new TransientError('the look took longer than 100 ms.'));
  });

  it('tells the operation of the limit', async () => {
    const clock = manualClock();
    let seen: AbortSignal | undefined;
    const limited = withTimeLimit(
      (signal) => {
        seen = signal;
        return never();
      },
      { clock, limitMs: 100, what: 'it' },
    );
    limited.catch(() => undefined);
    expect(seen?.aborted).toBe(false);
    await clock.advance(100);
    expect(seen?.reason).toBeInstanceOf(TransientError);
  });

  it("throws the caller's reason when the caller gives up first", async () => {
    const clock = manualClock();
    const caller = new AbortController();
    const limited = withTimeLimit(never, { clock, limitMs: 100, what: 'it', signal: caller.signal });
    caller.abort(new Error('changed my mind'));
    await expect(limited).rejects.toThrow('changed my mind');
    expect(clock.sleepers).toBe(0);
  });

  it('does not begin for a caller that has given up already', async () => {
    let isBegun = false;
    const operation = async (): Promise<void> => void (isBegun = true);
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(
      withTimeLimit(operation, { clock: manualClock(), limitMs: 1, what: 'it', signal }),
    ).rejects.toThrow('too late');
    expect(isBegun).toBe(false);
  });
});
