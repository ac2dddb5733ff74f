import { describe, expect, it } from 'vitest';
import { Bandwidth } from '../../../lib/store/bandwidth.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';

const line = (bytesPerSecond: number): { clock: ManualClock; bandwidth: Bandwidth } => {
  const clock = manualClock();
  return { clock, bandwidth: new Bandwidth({ bytesPerSecond, clock }) };
};
/** When each of several transfers was through, in milliseconds. */
const times = async (clock: ManualClock, transfers: readonly Promise<void>[]): Promise<readonly number[]> => {
  const done: number[] = [];
  const all = Promise.all(
    transfers.map(async (transfer, index) => {
      await transfer;
      done[index] = clock.monotonicMs();
    }),
  );
  await clock.advance(100_000);
  await all;
  return done;
};

describe('Bandwidth', () => {
  it('takes as long as the bytes need, less 50 ms that an idle line has saved up', async () => {
    const { clock, bandwidth } = line(400_000);
    const [elapsed = 0] = await times(clock, [bandwidth.take(2_000_000)]);
    expect(elapsed).toBeCloseTo(5_000 - 50, 3);
  });

  it('shares the line between transfers, so that a small one does not wait for a large one', async () => {
    const { clock, bandwidth } = line(400_000);
    const [large = 0, other = 0, small = 0] = await times(clock, [
      bandwidth.take(8_000_000),
      bandwidth.take(8_000_000),
      bandwidth.take(300),
    ]);
    expect(small).toBeLessThan(100);
    expect(Math.max(large, other)).toBeCloseTo(16_000_300 / 400 - 50, 3);
    expect(Math.abs(large - other)).toBeLessThan(100);
  });

  it('saves up no more than 50 ms, however long it was idle', async () => {
    const { clock, bandwidth } = line(100_000);
    await times(clock, [bandwidth.take(1)]);
    const startedAt = clock.monotonicMs();
    const [elapsed = 0] = await times(clock, [bandwidth.take(100_000)]);
    expect(elapsed - startedAt).toBeCloseTo(950, 3);
  });

  it('lets nothing wait for no bytes', async () => {
    const { bandwidth } = line(1);
    await bandwidth.take(0);
  });

  it('ends a wait with the reason of the signal', async () => {
    const { clock, bandwidth } = line(1_000);
    const abort = new AbortController();
    const pending = bandwidth.take(1_000_000, abort.signal);
    abort.abort(new Error('deadline'));
    await expect(pending).rejects.toThrow('deadline');
    expect(clock.sleepers).toBe(0);
  });
});
