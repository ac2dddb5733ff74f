import { describe, expect, it } from 'vitest';
import { attemptsOf, keptUpTo } from '../../../lib/client/attempts.ts';
import { lostSince, markLost, mergeMetrics } from '../../../lib/client/read-segments.ts';
import type { LogLine, MetricPoint } from '../../../lib/contract/segments.ts';
import { Story } from '../../support/journal-world.ts';

/** Interrupted at step 40 and resumed there; then killed after step 70 with a checkpoint at 60; then completed. */
const history = new Story()
  .submit()
  .claim()
  .restore(null, 0)
  .commit(20)
  .commit(40)
  .own({
    kind: 'released',
    cause: 'interrupted',
    step: 40,
    message: 'interrupted',
    notice: 'Spot interruption notice (terminate)',
  })
  .claim('i-2')
  .restore('2-2-step40', 40)
  .commit(60)
  .claim('i-3')
  .restore('7-1-step60', 60)
  .commit(100)
  .own({ kind: 'completed', checkpoint: '10-1-step100', step: 100, epoch: 1, reason: 'until' }).entries;

const point = (step: number): MetricPoint => ({
  at: '2030-01-01T00:00:00.000Z',
  step,
  epoch: 0,
  metrics: { loss: 1 / step },
});

const line = (at: string, step?: number): LogLine => ({
  at,
  stream: 'out',
  line: 'x',
  ...(step === undefined ? {} : { step }),
});

describe('attempts', () => {
  it('tells how each attempt began and ended, a silent death included', () => {
    const attempts = attemptsOf(history);
    expect(attempts.map(({ claim }) => claim)).toEqual([2, 7, 10]);
    expect(attempts.map(({ restoredStep }) => restoredStep)).toEqual([0, 40, 60]);
    expect(attempts.map(({ end }) => end?.kind)).toEqual(['interrupted', 'silence', 'completed']);
    expect(attempts[0]?.end?.message).toBe('Spot interruption notice (terminate)');
  });

  it('passes over what a fenced owner wrote', () => {
    const zombie = new Story()
      .submit()
      .claim()
      .claim('i-2')
      .restore(null, 0)
      .add({ kind: 'released', cause: 'interrupted', step: 9, message: 'late' }, { claim: 2 });
    expect(attemptsOf(zombie.entries).map(({ end }) => end?.kind)).toEqual(['silence', undefined]);
  });

  it('does not count a claim that only settled a pause', () => {
    const settled = new Story()
      .submit()
      .claim()
      .restore(null, 0)
      .add({ kind: 'pause-requested', by: 'me' })
      .claim('me')
      .own({ kind: 'paused', step: 0 });
    expect(attemptsOf(settled.entries).map(({ claim, end }) => [claim, end?.kind])).toEqual([[2, 'silence']]);
  });

  it('keeps of an attempt what no later one did again, also after a roll-back beyond several attempts', () => {
    expect([...keptUpTo(attemptsOf(history))]).toEqual([
      [10, Number.POSITIVE_INFINITY],
      [7, 60],
      [2, 40],
    ]);
    const rolledBack = new Story()
      .submit()
      .claim()
      .restore(null, 0)
      .claim()
      .restore('2-1-step50', 50)
      .claim()
      .restore('2-1-step30', 30);
    expect([...keptUpTo(attemptsOf(rolledBack.entries)).values()]).toEqual([
      Number.POSITIVE_INFINITY,
      30,
      30,
    ]);
  });
});

describe('curves across interruptions', () => {
  it('shows each step once and keeps what was lost apart', () => {
    const points = new Map([
      [2, [10, 20, 30, 40].map(point)],
      [7, [50, 60, 70].map(point)],
      [10, [70, 80, 100].map(point)],
    ]);
    const { kept, lost } = mergeMetrics(attemptsOf(history), (claim) => points.get(claim) ?? []);
    expect(kept.map(({ step, claim }) => [claim, step])).toEqual([
      [2, 10],
      [2, 20],
      [2, 30],
      [2, 40],
      [7, 50],
      [7, 60],
      [10, 70],
      [10, 80],
      [10, 100],
    ]);
    expect(lost.map(({ step, claim }) => [claim, step])).toEqual([[7, 70]]);
  });

  it('takes everything back when the next attempt began anew', () => {
    const { entries } = new Story().submit().claim().restore(null, 0).claim().restore(null, 0);
    const anew = attemptsOf(entries);
    const { kept, lost } = mergeMetrics(anew, (claim) => (claim === 2 ? [point(1), point(2)] : [point(1)]));
    expect(kept.map(({ claim }) => claim)).toEqual([4]);
    expect(lost.map(({ claim }) => claim)).toEqual([2, 2]);
  });

  it('does not cut by an attempt that died before its restore', () => {
    const died = attemptsOf(new Story().submit().claim().restore(null, 0).claim().entries);
    const { kept } = mergeMetrics(died, (claim) => (claim === 2 ? [point(1)] : []));
    expect(kept).toHaveLength(1);
  });
});

describe('lost lines', () => {
  const [, killed] = attemptsOf(history);
  it('are those beyond the kept step, but never the words of the supervisor', () => {
    if (killed === undefined) throw new Error('the history has a killed attempt');
    const marked = markLost(killed, 60, [
      line('2030-01-01T00:00:00.000Z', 60),
      line('2030-01-01T00:00:00.000Z', 61),
      { ...line('2030-01-01T00:00:00.000Z', 61), stream: 'worker' },
    ]);
    expect(marked.map(({ lost }) => lost)).toEqual([false, true, false]);
  });

  it('are told by time where they name no step', () => {
    if (killed === undefined) throw new Error('the history has a killed attempt');
    const since = lostSince(killed, 60) ?? '';
    expect(since).toBe(killed.commits[0]?.at);
    const marked = markLost(killed, 60, [line(since), line('2031-01-01T00:00:00.000Z')]);
    expect(marked.map(({ lost }) => lost)).toEqual([false, true]);
    expect(lostSince(killed, Number.POSITIVE_INFINITY)).toBeUndefined();
  });
});
