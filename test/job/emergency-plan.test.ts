import { describe, expect, it } from 'vitest';
import { deadlineIn } from '../../lib/base/deadline.ts';
import type { StopNotice } from '../../lib/interruption/notice.ts';
import { EmergencyPlan, type PlanEvent } from '../../job/emergency-plan.ts';
import { manualClock } from '../support/manual-clock.ts';

const spot = (remainingMs: number, action: 'terminate' | 'hibernate' = 'terminate'): StopNotice => ({
  kind: 'spot-interruption',
  action,
  at: new Date(0),
  remainingMs,
});

/** Plans for one notice and tells when each event came, in ms after it. */
async function planned(
  notice: StopNotice,
  options: {
    readonly remainingMs: number;
    readonly flushMs?: number;
    readonly gapMs?: number;
    readonly asksEarly?: boolean;
    readonly securedAtMs?: number;
    /** Known by then. @default `gapMs` */
    readonly gapMsSince?: number;
  },
): Promise<Record<string, number>> {
  const { remainingMs, flushMs, gapMs = 0, asksEarly = false, securedAtMs, gapMsSince = gapMs } = options;
  const clock = manualClock();
  const events: Record<string, number> = {};
  const plan = new EmergencyPlan(
    clock,
    ({ kind }: PlanEvent) => (events[kind] ??= clock.monotonicMs()),
    new AbortController().signal,
  );
  if (flushMs !== undefined) plan.measured({ elapsedMs: flushMs, bytes: 1_000 });
  plan.noticed(
    { notice, deadline: deadlineIn(clock, remainingMs), noticedAtMonotonicMs: 0 },
    { longestGapMs: gapMs, asksEarly },
  );
  for (let ms = 0; ms < 150_000; ms += 100) {
    if (ms === securedAtMs) plan.secured(gapMsSince);
    await clock.advance(100);
  }
  return events;
}

describe('the plan for an emergency', () => {
  it('trains on until 1.5 × (flush + gap) + 5 s are left, then leaves time to hand over', async () => {
    expect(await planned(spot(120_000), { remainingMs: 120_000, flushMs: 20_000, gapMs: 2_000 })).toEqual({
      'save-due': 0,
      'flush-due': 120_000 - (1.5 * 22_000 + 5_000),
      'answer-overdue': 120_000 - 20_000 - 3_000,
      cut: 118_000,
    });
  });

  it('trains on for longer once something was saved since the notice', async () => {
    const events = await planned(spot(120_000), {
      remainingMs: 120_000,
      flushMs: 20_000,
      gapMs: 2_000,
      securedAtMs: 25_000,
    });
    expect(events['flush-due']).toBeCloseTo(120_000 - (1.1 * 22_000 + 2_500), -2);
    expect(events['cut']).toBe(118_000);
  });

  it('leaves time for a step as long as those that were taken since the notice', async () => {
    const events = await planned(spot(120_000), {
      remainingMs: 120_000,
      flushMs: 2_000,
      gapMs: 0,
      securedAtMs: 30_000,
      gapMsSince: 25_000,
    });
    expect(events['flush-due']).toBeCloseTo(120_000 - (1.1 * 27_000 + 2_500), -2);
  });

  it('goes on as ever until two minutes are left of a longer notice', async () => {
    const remainingMs = 145_000;
    const events = await planned(
      {
        kind: 'scheduled-maintenance',
        code: 'system-reboot',
        eventId: 'event-1',
        notBefore: new Date(0),
        remainingMs,
      },
      { remainingMs, flushMs: 100 },
    );
    expect(events['save-due']).toBeCloseTo(25_000, -2);
  });

  it('saves only once where there is no time for two', async () => {
    const events = await planned(spot(120_000), { remainingMs: 120_000, flushMs: 35_000 });
    expect(events).not.toHaveProperty('save-due');
    expect(events['flush-due']).toBe(62_500);
  });

  it.each([
    ['nothing was measured', spot(120_000), { remainingMs: 120_000 }],
    ['the program saves on a signal', spot(120_000), { remainingMs: 120_000, flushMs: 100, asksEarly: true }],
    [
      'somebody waits for us to go',
      { kind: 'process-signal', signal: 'SIGTERM' } as const,
      { remainingMs: 120_000, flushMs: 100 },
    ],
    ['the machine hibernates', spot(0, 'hibernate'), { remainingMs: 0, flushMs: 100 }],
    ['too little is left', spot(4_000), { remainingMs: 4_000, flushMs: 100 }],
  ])('saves at once when %s', async (_, notice, options) => {
    expect((await planned(notice, options))['flush-due']).toBe(0);
  });

  it('has no last moment where there is no deadline that could be kept', async () => {
    expect(await planned(spot(0, 'hibernate'), { remainingMs: 0, flushMs: 100 })).not.toHaveProperty('cut');
  });

  it('gives a slow trainer three of its own gaps before it is given up', async () => {
    const events = await planned(spot(0, 'hibernate'), { remainingMs: 0, flushMs: 100, gapMs: 9_000 });
    expect(events['answer-overdue']).toBe(1_000 + 3 * 9_000);
  });

  it('plans anew when a later notice leaves less time', async () => {
    const clock = manualClock();
    const told: number[] = [];
    const plan = new EmergencyPlan(
      clock,
      ({ kind }) => void (kind === 'cut' && told.push(clock.monotonicMs())),
      new AbortController().signal,
    );
    const trainer = { longestGapMs: 0, asksEarly: false };
    plan.noticed(
      { notice: spot(120_000), deadline: deadlineIn(clock, 120_000), noticedAtMonotonicMs: 0 },
      trainer,
    );
    await clock.advance(10_000);
    plan.noticed(
      { notice: spot(20_000), deadline: deadlineIn(clock, 20_000), noticedAtMonotonicMs: 0 },
      trainer,
    );
    for (let ms = 0; ms < 150_000; ms += 1_000) await clock.advance(1_000);
    expect(told).toEqual([28_000]);
    expect(plan.noticedAtMs).toBe(0);
  });

  it('says nothing once the attempt has ended', async () => {
    const clock = manualClock();
    const ended = new AbortController();
    let told = 0;
    const plan = new EmergencyPlan(clock, () => void told++, ended.signal);
    plan.noticed(
      { notice: spot(60_000), deadline: deadlineIn(clock, 60_000), noticedAtMonotonicMs: 0 },
      { longestGapMs: 5_000, asksEarly: false },
    );
    ended.abort();
    await clock.advance(60_000);
    expect(told).toBe(0);
    expect(clock.sleepers).toBe(0);
  });
});

describe('the outlook of a plan', () => {
  const fresh = (): EmergencyPlan => new EmergencyPlan(manualClock(), () => {}, new AbortController().signal);

  it('is silent before anything was measured', () => {
    expect(fresh().outlook(0)).toBeUndefined();
  });

  it('takes what an earlier attempt saved as if all of it had to be sent', () => {
    const plan = fresh();
    plan.remembered({ elapsedMs: 1_000, bytes: 4_000, newBytes: 1_000 });
    expect(plan.outlook(0)).toMatch(/of 4\.0 kB takes about 4 s: two minutes of notice suffice/);
  });

  it('learns nothing from a save that sent nothing', () => {
    const plan = fresh();
    plan.remembered({ elapsedMs: 10, bytes: 4_000, newBytes: 0 });
    expect(plan.outlook(0)).toBeUndefined();
  });

  it('learns nothing from a save that sent little: its trainer is not given up for the 50 minutes that this would make', async () => {
    const clock = manualClock();
    const events: Record<string, number> = {};
    const plan = new EmergencyPlan(
      clock,
      ({ kind }) => (events[kind] ??= clock.monotonicMs()),
      new AbortController().signal,
    );
    plan.remembered({ elapsedMs: 3_000, bytes: 10e9, newBytes: 10e6 });
    expect(plan.outlook(50)).toBeUndefined();
    plan.noticed(
      { notice: spot(120_000), deadline: deadlineIn(clock, 120_000), noticedAtMonotonicMs: 0 },
      { longestGapMs: 50, asksEarly: false },
    );
    for (let ms = 0; ms < 120_000; ms += 1_000) await clock.advance(1_000);
    expect(events).toEqual({ 'flush-due': 0, 'answer-overdue': 117_000, cut: 118_000 });
  });
});
