import { describe, expect, it } from 'vitest';
import { TransientError } from '../../../lib/base/errors.ts';
import { jsonLog, silentLog } from '../../../lib/base/log.ts';
import type { Notice } from '../../../lib/interruption/notice.ts';
import type { NoticeSource } from '../../../lib/interruption/notice-source.ts';
import { type LatchedStop, NoticeWatch } from '../../../lib/interruption/notice-watch.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';

const spot = (remainingMs: number): Notice => ({
  kind: 'spot-interruption',
  action: 'terminate',
  at: new Date('2030-01-01T00:02:00Z'),
  remainingMs,
});
const rebalance: Notice = { kind: 'rebalance-recommendation', noticedAt: new Date('2030-01-01T00:00:00Z') };

class FakeSource implements NoticeSource {
  readonly name: string;
  answer: Notice | undefined | Error | 'hangs';
  polls = 0;
  disposals = 0;

  constructor(name: string, answer?: Notice | Error | 'hangs') {
    this.name = name;
    this.answer = answer;
  }

  async poll(): Promise<Notice | undefined> {
    this.polls++;
    if (this.answer instanceof Error) throw this.answer;
    if (this.answer === 'hangs') return new Promise(() => undefined);
    return this.answer;
  }

  [Symbol.dispose](): void {
    this.disposals++;
  }
}

function aWatch(sources: readonly NoticeSource[]): {
  clock: ManualClock;
  watch: NoticeWatch;
  lines: string[];
} {
  const clock = manualClock();
  const lines: string[] = [];
  const log = jsonLog({ clock, write: (line) => lines.push(line) });
  return { clock, lines, watch: new NoticeWatch({ sources, clock, log, pollMs: 1_000 }) };
}

const down = new TransientError('IMDS is down.');
const countOf = (lines: readonly string[], event: string): number =>
  lines.filter((line) => line.includes(`"event":"${event}"`)).length;

describe('NoticeWatch', () => {
  it('polls every source at its interval until it is disposed', async () => {
    const sources = [new FakeSource('a'), new FakeSource('b')];
    const { clock, watch } = aWatch(sources);
    watch.start();
    await clock.advance(3_500);
    expect(sources.map(({ polls }) => polls)).toEqual([4, 4]);
    await watch[Symbol.asyncDispose]();
    await clock.advance(10_000);
    expect(sources.map(({ polls }) => polls)).toEqual([4, 4]);
    expect(clock.sleepers).toBe(0);
    expect(sources.map(({ disposals }) => disposals)).toEqual([1, 1]);
  });

  it('looks less often where a source says that more than a second is left', async () => {
    const often = new FakeSource('often');
    const seldom = Object.assign(new FakeSource('seldom'), { everyNthLook: 5 });
    const { clock, watch } = aWatch([often, seldom]);
    expect(watch.looksPerSecond).toBeCloseTo(1.2);
    watch.start();
    await clock.advance(10_500);
    expect([often.polls, seldom.polls]).toEqual([11, 3]);
    await watch[Symbol.asyncDispose]();
  });

  it('does not let a source that hangs delay the others', async () => {
    const quick = new FakeSource('quick');
    const { clock, watch } = aWatch([new FakeSource('slow', 'hangs'), quick]);
    const stops: LatchedStop[] = [];
    watch.onStop((stop) => stops.push(stop));
    watch.start();
    await clock.advance(2_500);
    quick.answer = spot(60_000);
    await clock.advance(1_000);
    expect(stops).toHaveLength(1);
    expect(stops[0]?.deadline.remainingMs()).toBe(59_500);
    await watch[Symbol.asyncDispose]();
  });

  it('asks a source that hung again after its time limit', async () => {
    const slow = new FakeSource('slow', 'hangs');
    const { clock, watch } = aWatch([slow]);
    watch.start();
    await clock.advance(4_999);
    expect(slow.polls).toBe(1);
    slow.answer = spot(60_000);
    await clock.advance(1_001);
    expect(slow.polls).toBe(2);
    expect(watch.stop).toBeDefined();
    await watch[Symbol.asyncDispose]();
  });

  it('tells of a stop once, though every poll finds it again, and keeps it when it is withdrawn', async () => {
    const source = new FakeSource('spot', spot(60_000));
    const { clock, watch } = aWatch([source]);
    const stops: LatchedStop[] = [];
    watch.onStop((stop) => stops.push(stop));
    watch.start();
    await clock.advance(5_000);
    source.answer = undefined;
    await clock.advance(5_000);
    expect(stops).toHaveLength(1);
    expect(watch.stop?.deadline.remainingMs()).toBe(50_000);
    await watch[Symbol.asyncDispose]();
  });

  it('tells again when another notice leaves less time', async () => {
    const sooner = new FakeSource('sooner');
    const { clock, watch } = aWatch([new FakeSource('first', spot(100_000)), sooner]);
    const kinds: number[] = [];
    watch.onStop(({ deadline }) => kinds.push(deadline.remainingMs()));
    await watch.readAll();
    sooner.answer = spot(30_000);
    await clock.advance(1_000);
    await watch.readAll();
    expect(kinds).toEqual([100_000, 30_000]);
  });

  it('tells late listeners at once, and those who left nothing', async () => {
    const { watch } = aWatch([new FakeSource('spot', spot(60_000)), new FakeSource('rebalance', rebalance)]);
    const heard: string[] = [];
    const leave = watch.onStop(() => heard.push('left'));
    leave();
    await watch.readAll();
    watch.onStop(() => heard.push('stop'));
    watch.onRebalance(() => heard.push('rebalance'));
    expect(heard).toEqual(['stop', 'rebalance']);
  });

  it('tells of a rebalance recommendation once and stops nothing', async () => {
    const { clock, watch } = aWatch([new FakeSource('rebalance', rebalance)]);
    let heard = 0;
    watch.onRebalance(() => heard++);
    watch.onStop(() => expect.fail('nothing is to stop'));
    watch.start();
    await clock.advance(10_000);
    expect(heard).toBe(1);
    await watch[Symbol.asyncDispose]();
  });

  describe('readAll', () => {
    it('looks at every source once, before any polling, and says what it could not read', async () => {
      const sources = [new FakeSource('a'), new FakeSource('b', down), new FakeSource('c', spot(60_000))];
      const { watch } = aWatch(sources);
      const reading = await watch.readAll();
      expect(reading.unreadable).toEqual(['b']);
      expect(reading.stop?.notice.kind).toBe('spot-interruption');
      expect(sources.map(({ polls }) => polls)).toEqual([1, 1, 1]);
    });

    it('answers at the time limit of a source that hangs', async () => {
      const { clock, watch } = aWatch([new FakeSource('a', 'hangs'), new FakeSource('b')]);
      const reading = watch.readAll();
      await clock.advance(5_000);
      expect((await reading).unreadable).toEqual(['a']);
    });

    it('shares a look that is under way', async () => {
      const source = new FakeSource('a');
      const { watch } = aWatch([source]);
      await Promise.all([watch.readAll(), watch.readAll()]);
      expect(source.polls).toBe(1);
    });
  });

  describe('reports', () => {
    it('tell a source that sees from one that cannot', async () => {
      const blind = new FakeSource('blind', down);
      const { clock, watch } = aWatch([
        new FakeSource('seeing'),
        blind,
        new FakeSource('spot', spot(60_000)),
      ]);
      const since = clock.now();
      await watch.readAll();
      await clock.advance(1_000);
      await watch.readAll();
      expect(watch.reports).toEqual([
        { name: 'seeing', armed: 2, fired: 0, failed: 0, failingSince: undefined },
        { name: 'blind', armed: 0, fired: 0, failed: 2, failingSince: since },
        { name: 'spot', armed: 2, fired: 2, failed: 0, failingSince: undefined },
      ]);
      blind.answer = undefined;
      await watch.readAll();
      expect(watch.reports[1]).toEqual({
        name: 'blind',
        armed: 1,
        fired: 0,
        failed: 2,
        failingSince: undefined,
      });
    });

    it('are logged when a source begins to fail, once a minute after that, and when it recovers', async () => {
      const blind = new FakeSource('blind', down);
      const { clock, watch, lines } = aWatch([blind]);
      watch.start();
      await clock.advance(59_500);
      expect(countOf(lines, 'notice-source-failing')).toBe(1);
      await clock.advance(2_000);
      expect(countOf(lines, 'notice-source-failing')).toBe(2);
      blind.answer = undefined;
      await clock.advance(2_000);
      expect(countOf(lines, 'notice-source-recovered')).toBe(1);
      await watch[Symbol.asyncDispose]();
    });

    it('go on after an error of any kind', async () => {
      const broken = new FakeSource('broken', new TypeError('not a function'));
      const { clock, watch } = aWatch([broken]);
      watch.start();
      await clock.advance(1_500);
      broken.answer = spot(60_000);
      await clock.advance(1_000);
      expect(watch.stop).toBeDefined();
      await watch[Symbol.asyncDispose]();
    });
  });

  it('ends a look that is under way when it is disposed, and counts it for no failure', async () => {
    const source = new FakeSource('a', 'hangs');
    const clock = manualClock();
    const watch = new NoticeWatch({ sources: [source], clock, log: silentLog, pollMs: 1_000 });
    watch.start();
    await watch[Symbol.asyncDispose]();
    expect(watch.reports[0]?.failed).toBe(0);
  });
});
