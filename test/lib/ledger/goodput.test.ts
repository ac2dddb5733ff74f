import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JournalEntry } from '../../../lib/contract/journal-entry.ts';
import { costOf } from '../../../lib/ledger/cost.ts';
import { type Goodput, goodputOf } from '../../../lib/ledger/goodput.ts';
import { simulate } from '../../support/journal-simulation.ts';
import { newestId, Story } from '../../support/journal-world.ts';

/** Minute by minute: each entry of a story is one minute after the one before it, the first at 00:01. */
const after = (minutes: number): Date => new Date(Date.parse('2030-01-01T00:00:00.000Z') + minutes * 60_000);

/** To a tenth: restores and saves of stories take milliseconds. */
const minutesOf = ({ seconds }: Goodput): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(seconds)
      .map(([kind, value]) => [kind, Math.round(value / 6) / 10] as const)
      .filter(([, minutes]) => minutes > 0),
  );

const sum = ({ seconds }: Goodput): number => Object.values(seconds).reduce((total, one) => total + one, 0);

describe('goodput of a job, computed by hand', () => {
  it('counts an attempt that was saved at its notice as productive', () => {
    const story = new Story()
      .submit()
      .claim()
      .restore(null, 0)
      .commit(10)
      .commit(20)
      .release('interrupted', 20);
    const told = goodputOf(story.entries, after(8));
    // Submitted at 1, claimed at 2, restored at 3, saved at 4 and 5, released at 6; it is 8 now.
    expect(minutesOf(told)).toEqual({ waiting: 3, starting: 1, productive: 2, saving: 1 });
    expect(told).toMatchObject({ steps: 20, lostSteps: 0, wallSeconds: 420, allocatedSeconds: 240 });
    expect(told.goodput).toBeCloseTo(120 / 240, 4);
  });

  it('takes back what no checkpoint holds', () => {
    const story = new Story().submit().claim().restore(null, 0).commit(10).release('error', 15);
    const told = goodputOf(story.entries, after(5));
    expect(minutesOf(told)).toEqual({ waiting: 1, starting: 1, productive: 1, lost: 1 });
    expect(told).toMatchObject({ steps: 10, lostSteps: 5 });
  });

  it('takes back what a roll-back went behind, and counts no step twice', () => {
    const story = new Story().submit().claim().restore(null, 0).commit(10);
    const first = newestId(story.state);
    story
      .commit(20)
      .own({ kind: 'paused', step: 20 })
      .add({ kind: 'resume-requested', by: 'me', from: first });
    story.claim('i-2').restore(first, 10).commit(30);
    story.own({
      kind: 'completed',
      checkpoint: newestId(story.state),
      step: 30,
      epoch: 1,
      reason: 'done',
    });
    const told = goodputOf(story.entries, after(99));
    expect(minutesOf(told)).toEqual({
      waiting: 2,
      starting: 2,
      productive: 2,
      lost: 2,
      paused: 1,
      saving: 1,
    });
    expect(told).toMatchObject({ steps: 30, lostSteps: 10 });
  });

  it('estimates when a machine fell silent from its pace', () => {
    const story = new Story().submit().claim().restore(null, 0).commit(60);
    // A step a second; its last heartbeat told of step 90, and nobody came for an hour.
    story.add(
      { kind: 'claimed', ticket: 't', instance: { id: 'i-2', type: 'g5.xlarge', zone: 'a' }, heardStep: 90 },
      { at: after(64).toISOString() },
    );
    const told = goodputOf(story.entries, after(64));
    expect(told.attempts[0]).toMatchObject({ isEstimated: true, steps: 60, lostSteps: 30 });
    expect(minutesOf(told)).toEqual({ waiting: 60.5, starting: 1, productive: 1, lost: 0.5 });
    expect(told.notes.join()).toContain('1 of 2 attempts ended in silence');
  });

  it('tells the start of the program from training by the pace between checkpoints', () => {
    const story = new Story().submit().claim().restore(null, 0).commit(5).commit(15).commit(25);
    // A minute for ten steps, so the first five began half a minute after the restore.
    const told = goodputOf(story.release('interrupted', 25).entries, after(7));
    expect(minutesOf(told)).toEqual({ waiting: 1, starting: 1.5, productive: 2.5, saving: 1 });
    expect(told.notes.join()).toContain('estimated from the pace');
  });

  it('counts an attempt that ended before any step as its start, and nothing as saving', () => {
    const story = new Story().submit().claim().restore(null, 0).release('error', 0);
    expect(minutesOf(goodputOf(story.entries, after(4)))).toEqual({ waiting: 1, starting: 2 });
    const saved = new Story().submit().claim().restore(null, 0).commit(0).release('interrupted', 0);
    expect(minutesOf(goodputOf(saved.entries, after(5)))).toEqual({ waiting: 1, starting: 2, saving: 1 });
  });

  it('counts no machine, and wants no price, for a command that claimed the job', () => {
    const story = new Story().submit();
    story.add({
      kind: 'claimed',
      ticket: 'operator',
      instance: { id: 'fork', type: 'operator', zone: 'none' },
    });
    const made = newestId(story.commit(10).release('handover', 10).state);
    story.claim('i-2').restore(made, 10).commit(20).release('interrupted', 20);
    const told = goodputOf(story.entries, after(8));
    expect(told.attempts.map(({ instance }) => instance.id)).toEqual(['i-2']);
    expect(told).toMatchObject({ steps: 10, lostSteps: 0, allocatedSeconds: 180 });
    const usdOf = ({ instance }: { instance: { type: string } }): number | null =>
      instance.type === 'operator' ? null : 1;
    expect(costOf(story.entries, { now: after(8), usdOf })).toMatchObject({
      machinesUsd: 1,
      machineSeconds: 180,
    });
  });

  it('loses nothing of an attempt that goes on', () => {
    const story = new Story().submit().claim().restore(null, 0).commit(10);
    const told = goodputOf(story.entries, after(30));
    expect(minutesOf(told)).toEqual({ waiting: 1, starting: 1, productive: 27 });
  });

  it('is nothing before the first machine', () => {
    const told = goodputOf(new Story().submit().entries, after(11));
    expect(told).toMatchObject({ goodput: null, steps: 0, wallSeconds: 600 });
    expect(goodputOf([], after(1))).toMatchObject({ goodput: null, wallSeconds: 0 });
  });
});

describe('whatever happened to a job', () => {
  const scenarios = fc.record({
    seed: fc.integer({ min: 1, max: 1_000_000 }),
    rates: fc.constant({ 'lost-answer': 0.05, delayed: 0.4 }),
    workers: fc.integer({ min: 1, max: 3 }),
    attempts: fc.integer({ min: 1, max: 4 }),
    operators: fc.integer({ min: 0, max: 3 }),
    requests: fc.integer({ min: 1, max: 5 }),
  });

  it('its times sum to the time since it was submitted, and none is negative', async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, fc.integer({ min: 0, max: 1e6 }), async (scenario, laterMs) => {
        const { entries } = await simulate(scenario);
        const spread = spreadOut(entries);
        const now = new Date(Date.parse(spread.at(-1)?.at ?? '') + laterMs);
        const told = goodputOf(spread, now);
        expect(sum(told)).toBeCloseTo(told.wallSeconds, 3);
        for (const seconds of Object.values(told.seconds)) expect(seconds).toBeGreaterThanOrEqual(0);
        for (const { seconds, steps, lostSteps } of told.attempts) {
          expect(Math.min(...Object.values(seconds), steps, lostSteps)).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 25 },
    );
  });
});

/** The simulation's clocks hardly move: here every entry is a minute and a bit after the one before it. */
function spreadOut(entries: readonly JournalEntry[]): readonly JournalEntry[] {
  return entries.map((entry, index) => ({ ...entry, at: after(index * 1.3).toISOString() }));
}

describe('cost of a job', () => {
  const story = new Story().submit().claim().restore(null, 0).commit(60).release('error', 90);
  const options = {
    now: after(5),
    usdOf: ({ from, to }: { readonly from: Date; readonly to: Date }) =>
      (to.getTime() - from.getTime()) / 60_000,
  };

  it('counts machines from claim to end, and what of it was for nothing', () => {
    const told = costOf(story.entries, options);
    expect(told).toMatchObject({ machineSeconds: 180, machinesUsd: 3, requestsUsd: 0, writes: 0 });
    expect(told.lostUsd).toBeCloseTo(1, 3);
    expect(told.usdPerThousandSteps).toBeCloseTo(50, 3);
  });

  it('knows hours where it knows no price', () => {
    const told = costOf(story.entries, { ...options, usdOf: () => null });
    expect(told).toMatchObject({ machineSeconds: 180, machinesUsd: null, totalUsd: null, lostUsd: null });
  });

  it('counts requests where they are paid for', () => {
    const entries = story.entries.map((entry) =>
      entry.kind === 'submitted' ? { ...entry, store: 's3://bucket/prefix' } : entry,
    );
    const told = costOf(entries, options);
    // Five entries of the journal, one of them with a chunk, a manifest and a hint.
    expect(told).toMatchObject({ writes: 8, reads: 4, storedBytes: 1_000 });
    expect(told.requestsUsd).toBeCloseTo(8 * 5e-6 + 4 * 4e-7, 9);
  });
});
