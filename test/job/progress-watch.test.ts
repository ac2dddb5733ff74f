import { describe, expect, it } from 'vitest';
import { ProgressWatch } from '../../job/progress-watch.ts';
import { manualClock } from '../support/manual-clock.ts';

const progress = (step: number, more: object = {}) => ({
  kind: 'progress' as const,
  step,
  epoch: 0,
  example: step * 32,
  stepMs: 100,
  gapMs: 10,
  metrics: { loss: 0.5 },
  ...more,
});

describe('the watch over progress', () => {
  it('is spent when a phase brings nothing within its budget, and says where', async () => {
    const clock = manualClock();
    const watch = new ProgressWatch(clock);
    watch.handle({ kind: 'phase', phase: 'evaluating', budgetMs: 30_000 });
    await clock.advance(30_000);
    expect(watch.isSpent).toBe(false);
    await clock.advance(1);
    expect(watch.isSpent).toBe(true);
    expect(watch.verdict).toBe(
      'no progress for 30001 ms in phase evaluating at step 0; its budget is 30000 ms',
    );
  });

  it('lasts as long as messages come', async () => {
    const clock = manualClock();
    const watch = new ProgressWatch(clock);
    watch.handle({ kind: 'phase', phase: 'training', budgetMs: 1_000 });
    for (let step = 1; step < 20; step++) {
      await clock.advance(900);
      watch.handle(progress(step));
      expect(watch.isSpent).toBe(false);
    }
  });

  it('gives a trainer that says nothing at all its time to start, and no more', async () => {
    const clock = manualClock();
    const watch = new ProgressWatch(clock, 5_000);
    await clock.advance(5_001);
    expect(watch.isSpent).toBe(true);
  });

  it('tells the heartbeat where the trainer is and how fast', () => {
    const watch = new ProgressWatch(manualClock());
    watch.startAt(40, 2);
    expect(watch.heartbeat).toMatchObject({ step: 40, epoch: 2, loss: null });
    watch.handle(progress(41, { example: 64, total: 100 }));
    watch.handle(progress(43, { example: 128 }));
    expect(watch.heartbeat).toMatchObject({ step: 43, loss: 0.5, total: 100, examplesPerSecond: 320 });
  });

  it('knows of the step that was staged or that failed, though no progress was told of it', () => {
    const watch = new ProgressWatch(manualClock());
    watch.startAt(10, 0);
    watch.handle(progress(20));
    watch.handle({
      kind: 'staging',
      slot: 0,
      id: 'one',
      reason: 'policy',
      step: 30,
      epoch: 0,
      example: 960,
      files: [],
      compatibility: {},
    });
    expect(watch.step).toBe(30);
    watch.handle({ kind: 'failed', error: { cause: 'user', message: 'boom', step: 31 } });
    expect(watch.step).toBe(31);
    const other = new ProgressWatch(manualClock());
    other.startAt(10, 0);
    other.handle({ kind: 'failed', error: { cause: 'user', message: 'thrown in setup', step: 0 } });
    expect(other.step).toBe(10);
  });

  it('remembers the longest gap, and forgets it slowly', () => {
    const watch = new ProgressWatch(manualClock());
    watch.handle(progress(1, { gapMs: 10_000 }));
    watch.handle(progress(2));
    expect(watch.longestGapMs).toBe(9_000);
    for (let step = 3; step < 100; step++) watch.handle(progress(step));
    expect(watch.longestGapMs).toBe(10);
  });
});
