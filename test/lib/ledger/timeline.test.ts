import { describe, expect, it } from 'vitest';
import { renderTimeline } from '../../../lib/ledger/describe-event.ts';
import { timeline, type TimelineEvent } from '../../../lib/ledger/timeline.ts';
import { checkpointFacts, instance, Story } from '../../support/journal-world.ts';

const started = (): Story => new Story().submit().claim('i-1').restore(null, 0);
const told = (story: Story): readonly TimelineEvent[] => timeline(story.entries);
const kindsOf = (story: Story): string[] => told(story).map(({ kind }) => kind);
const last = (story: Story): TimelineEvent | undefined => told(story).at(-1);

describe('the timeline', () => {
  it('is empty for an empty journal', () => {
    expect(timeline([])).toEqual([]);
  });

  it('tells of an interruption from notice to resume', () => {
    const story = started().commit(10);
    story.own({
      ...checkpointFacts({ claim: 2, ordinal: 2, step: 17 }),
      reason: 'notice',
      noticeToDurableMs: 1_840,
    });
    story.own({
      kind: 'released',
      cause: 'interrupted',
      step: 17,
      message: 'Spot interruption notice (terminate)',
      notice: 'Spot interruption notice (terminate)',
    });
    story
      .claim('i-2')
      .own({ kind: 'restored', checkpoint: '2-2-step17', step: 17, bytes: 2_500_000, elapsedMs: 420 });
    expect(renderTimeline(told(story))).toEqual([
      '2030-01-01 00:01:00Z  submitted as demo',
      '2030-01-01 00:02:00Z  attempt 1 began on i-1 (g5.xlarge, eu-west-1a)',
      '2030-01-01 00:03:00Z  started from the beginning',
      '2030-01-01 00:04:00Z  1 checkpoint committed at step 10 (100 B new)',
      '2030-01-01 00:05:00Z  checkpoint 2-2-step17 committed at step 17 (notice, 100 B new, durable 1.8 s after the notice)',
      '2030-01-01 00:06:00Z  attempt ended at step 17 (interrupted): Spot interruption notice (terminate)',
      '2030-01-01 00:07:00Z  attempt 2 began on i-2 (g5.xlarge, eu-west-1a)',
      '2030-01-01 00:08:00Z  resumed at step 17 from 2-2-step17 (2.5 MB in 420 ms), nothing lost',
    ]);
  });

  it('sums up routine commits in a row, with what they dropped', () => {
    const story = started().commit(10).commit(20).commit(30, ['2-1-step10']).commit(40, ['2-2-step20']);
    expect(last(story)).toEqual({
      kind: 'checkpoints',
      sequence: 7,
      at: '2030-01-01T00:07:00.000Z',
      since: '2030-01-01T00:04:00.000Z',
      claim: 2,
      count: 4,
      fromStep: 10,
      toStep: 40,
      newBytes: 400,
      dropped: 2,
    });
  });

  it('starts a new sum after anything else, and for every attempt', () => {
    const story = started()
      .commit(10)
      .add({ kind: 'pinned', checkpoint: '2-1-step10', by: 'a' })
      .commit(20)
      .commit(30);
    story.claim('i-2').restore('2-3-step30', 30).commit(40);
    const sums = told(story).flatMap((event) =>
      event.kind === 'checkpoints' ? [[event.claim, event.count]] : [],
    );
    expect(sums).toEqual([
      [2, 1],
      [2, 2],
      [8, 1],
    ]);
  });

  it('tells of a silent death, the strike and what cleared it', () => {
    const story = started().commit(10).claim('i-2').restore('2-1-step10', 10).commit(11);
    expect(kindsOf(story).slice(4)).toEqual([
      'silent-death',
      'strike',
      'claimed',
      'restored',
      'checkpoints',
      'strikes-cleared',
    ]);
    expect(told(story)[4]).toMatchObject({ claim: 2, step: 10, instance: instance('i-1') });
    expect(renderTimeline(told(story))[4]).toContain('i-1 was lost without a word, last heard of at step 10');
  });

  it('tells of an error in one line, with its place in the program, and of the steps that are lost', () => {
    const story = started()
      .commit(10)
      .release('error', 17, 'TypeError: x is undefined\n    at train.ts:12:3');
    expect(told(story).slice(-2)).toMatchObject([
      { kind: 'released', cause: 'error', step: 17, uncommittedSteps: 7 },
      { kind: 'strike', errors: 1, total: 1, step: 17 },
    ]);
    expect(renderTimeline(told(story)).slice(-2)).toEqual([
      '2030-01-01 00:05:00Z  attempt ended at step 17 (error, 7 steps not in a checkpoint): TypeError: x is undefined (train.ts:12:3)',
      '2030-01-01 00:05:00Z  strike 1 at step 17 (1 error of the program): TypeError: x is undefined (train.ts:12:3)',
    ]);
    expect(last(story.claim().restore('2-1-step10', 10))).toMatchObject({
      kind: 'restored',
      step: 10,
      lostSteps: 7,
    });
    expect(renderTimeline(told(story)).at(-1)).toContain('7 steps to do again');
  });

  it('says nothing of a strike where none was counted', () => {
    const story = started().release('infrastructure', 1).claim('i-1').release('infrastructure', 1);
    expect(kindsOf(story).filter((kind) => kind === 'strike')).toHaveLength(1);
  });

  it('tells what was passed over and why', () => {
    const story = started().commit(10).commit(20).claim('i-2');
    story.own({ kind: 'quarantined', checkpoint: '2-2-step20', chunks: ['c'], why: 'a chunk is gone' });
    story.own({
      kind: 'restored',
      checkpoint: '2-1-step10',
      step: 10,
      bytes: 999,
      elapsedMs: 61_000,
      passedOver: [{ checkpoint: '2-2-step20', why: 'a chunk is gone' }],
    });
    expect(renderTimeline(told(story)).slice(-2)).toEqual([
      '2030-01-01 00:07:00Z  quarantined 2-2-step20: a chunk is gone',
      '2030-01-01 00:08:00Z  resumed at step 10 from 2-1-step10 (999 B in 1 min 1 s), 10 steps to do again; passed over 2-2-step20',
    ]);
  });

  it('tells of requests, by whom, and of their answers', () => {
    const story = started()
      .commit(10)
      .add({ kind: 'pause-requested', by: 'ada' })
      .own({ kind: 'paused', step: 12 });
    story.add({
      kind: 'resume-requested',
      by: 'ada',
      from: '2-1-step10',
      spec: { key: 'k', sha256: 'b'.repeat(64) },
    });
    story.add({ kind: 'cancel-requested', by: 'bob' });
    story.claim('i-2').own({ kind: 'cancelled', step: 10 });
    expect(renderTimeline(told(story)).slice(4)).toEqual([
      '2030-01-01 00:05:00Z  ada asked to pause',
      '2030-01-01 00:06:00Z  paused at step 12',
      '2030-01-01 00:07:00Z  ada asked to resume (from 2-1-step10, with a revised spec)',
      '2030-01-01 00:08:00Z  bob asked to cancel',
      '2030-01-01 00:09:00Z  attempt 2 began on i-2 (g5.xlarge, eu-west-1a)',
      '2030-01-01 00:10:00Z  cancelled at step 10',
    ]);
  });

  it('tells how it ended', () => {
    const done = started().commit(10).own({
      kind: 'completed',
      checkpoint: '2-1-step10',
      step: 10,
      epoch: 1,
      reason: 'every epoch is done',
    });
    expect(renderTimeline(told(done)).at(-1)).toBe(
      '2030-01-01 00:05:00Z  completed at step 10 (every epoch is done), result 2-1-step10',
    );
    const failed = started().own({
      kind: 'failed',
      reason: 'non-finite-loss',
      message: 'the loss is NaN\nmore',
      step: 3,
    });
    expect(renderTimeline(told(failed)).at(-1)).toBe(
      '2030-01-01 00:04:00Z  failed at step 3 (non-finite-loss): the loss is NaN\nmore',
    );
  });

  it('reports what was ignored, and tells nothing else of it', () => {
    const story = started()
      .claim('i-2')
      .add(checkpointFacts({ claim: 2, ordinal: 1, step: 5 }), { claim: 2 });
    expect(last(story)).toEqual({
      kind: 'ignored',
      sequence: 5,
      at: '2030-01-01T00:05:00.000Z',
      entry: 'checkpoint',
      why: 'checkpoint of claim 2, but the newest is 4',
    });
  });

  it('never goes back in time', () => {
    const story = new Story().submit().add({ kind: 'ticketed', by: 'x' }, { at: '2030-01-01T09:00:00Z' });
    story.add({ kind: 'claimed', ticket: 't', instance: instance() }, { at: '2029-01-01T00:00:00Z' });
    expect(told(story).map(({ at }) => at)).toEqual([
      '2030-01-01T00:01:00.000Z',
      '2030-01-01T09:00:00Z',
      '2030-01-01T09:00:00Z',
    ]);
  });
});
