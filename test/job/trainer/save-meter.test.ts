import { expect, it } from 'vitest';
import { SaveMeter } from '../../../job/trainer/save-meter.ts';
import { manualClock } from '../../support/manual-clock.ts';

it('adds what writing took from training to what taking the snapshot took', () => {
  const meter = new SaveMeter(manualClock());
  expect(meter.costs).toBeUndefined();
  meter.taken({ bytes: 5, tookMs: 3 });
  meter.written(4);
  meter.flushed(2_000);
  expect(meter.costs).toEqual({ bytes: 5, stolenSeconds: 0.007, flushSeconds: 2 });
  meter.taken({ bytes: 6, tookMs: 1 });
  expect(meter.costs).toEqual({ bytes: 6, stolenSeconds: 0.001, flushSeconds: 2 });
});

it('counts all of the time for which training stood still', async () => {
  const clock = manualClock();
  const meter = new SaveMeter(clock);
  meter.taken({ bytes: 5, tookMs: 3 });
  meter.standsStill();
  await clock.advance(500);
  meter.standsStill();
  await clock.advance(500);
  meter.written(4);
  expect(meter.costs?.stolenSeconds).toBe(1.003);
  meter.taken({ bytes: 5, tookMs: 3 });
  meter.written(4);
  expect(meter.costs?.stolenSeconds).toBe(0.007);
});

it('tells the pace how long steps are', async () => {
  const clock = { ...manualClock(), ms: 0, monotonicMs: () => clock.ms };
  const meter = new SaveMeter(clock);
  meter.stepBegan();
  clock.ms += 1_000;
  meter.stepEnded();
  // An end without a beginning is none.
  meter.stepEnded();
  meter.pace.spend(() => (clock.ms += 19));
  expect(meter.pace.isOver(0)).toBe(false);
  meter.pace.spend(() => (clock.ms += 2));
  expect(meter.pace.isOver(0)).toBe(true);
});
