import { describe, expect, it } from 'vitest';
import { fold, foldEntry, initialState } from '../../../lib/journal/fold.ts';
import { resumeCandidates } from '../../../lib/journal/fold-checkpoints.ts';
import { InvariantError } from '../../../lib/base/errors.ts';
import {
  checkpointFacts,
  digest,
  instance,
  jobId,
  newestId,
  Story,
  spec,
} from '../../support/journal-world.ts';

const started = (): Story => new Story().submit().claim().restore(null, 0);
const ids = (story: Story): string[] => story.state.checkpoints.map(({ id }) => id);
const whys = (story: Story): string[] => story.state.ignored.last.map(({ why }) => why);

const paused = (): Story =>
  started().commit(10).commit(20).add({ kind: 'pause-requested', by: 'a' }).own({ kind: 'paused', step: 20 });

const rolledBack = (): Story =>
  started()
    .commit(10)
    .commit(20)
    .commit(30)
    .own({ kind: 'failed', reason: 'non-finite-loss', message: 'NaN', step: 33 })
    .add({ kind: 'resume-requested', by: 'a', from: '2-2-step20' });

const candidates = (story: Story): string[] => resumeCandidates(story.state).map(({ id }) => id);

const at = (hours: number): string =>
  new Date(Date.parse('2030-01-02T00:00:00Z') + hours * 3_600_000).toISOString();

describe('the fold', () => {
  it('knows nothing of a job before its submission', () => {
    expect(fold([], jobId)).toStrictEqual(initialState(jobId));
    expect(initialState(jobId)).toMatchObject({ sequence: 0, status: 'queued', spec: null });
  });

  it('takes name, store and spec from the submission', () => {
    const { state } = new Story().submit();
    expect(state).toMatchObject({ status: 'queued', name: 'demo', store: 'memory:store', spec, sequence: 1 });
    expect(state.submittedAt).toBe('2030-01-01T00:01:00.000Z');
  });

  it('gives the same state for the same entries, one by one or all at once', () => {
    const story = started().commit(10).release('error', 12).claim().restore('2-1-step10', 10).commit(20);
    expect(fold(story.entries, jobId)).toStrictEqual(story.state);
  });

  it('refuses to fold a slot out of turn, which only a fault of ours could ask for', () => {
    const story = new Story().submit().claim();
    expect(() => foldEntry(initialState(jobId), story.entries[1]!)).toThrow(InvariantError);
  });

  it('never lets time run backwards, whatever the writers\u2019 clocks say', () => {
    const story = new Story()
      .submit()
      .add({ kind: 'ticketed', by: 'reconcile' }, { at: '2030-01-01T05:00:00Z' })
      .add({ kind: 'claimed', ticket: 't', instance: instance() }, { at: '2029-12-31T00:00:00Z' });
    expect(story.state.claim?.at).toBe('2030-01-01T05:00:00Z');
    expect(story.state.updatedAt).toBe('2030-01-01T05:00:00Z');
    expect(story.state.lastTicketedAt).toBe('2030-01-01T05:00:00Z');
  });

  describe('of attempts', () => {
    it('opens one with a claim whose slot is its fencing token', () => {
      const { state } = new Story().submit().claim('i-7', 'ticket-9');
      expect(state).toMatchObject({ status: 'running', newestClaim: 2, totals: { claims: 1 } });
      expect(state.claim).toMatchObject({ token: 2, ticket: 'ticket-9', instance: { id: 'i-7' } });
    });

    it('ends one with `released`, and a replacement is due', () => {
      const { state } = started().commit(10).release('interrupted', 10, 'notice');
      expect(state).toMatchObject({ status: 'interrupted', claim: null, totals: { interruptions: 1 } });
      expect(state.lastRelease).toMatchObject({ cause: 'interrupted', step: 10, message: 'notice' });
    });

    it('ignores and reports what a fenced owner wrote', () => {
      const story = started().claim('i-2');
      const before = story.state;
      story.add(checkpointFacts({ claim: 2, ordinal: 1, step: 10 }), { claim: 2 });
      expect(story.state.checkpoints).toEqual([]);
      expect(story.state).toStrictEqual({
        ...before,
        sequence: before.sequence + 1,
        updatedAt: story.state.updatedAt,
        ignored: {
          count: 1,
          last: [{ sequence: 5, why: 'checkpoint of claim 2, but the newest is 4' }],
        },
      });
    });

    it('keeps the last few reports and the count of all', () => {
      const story = started().claim('i-2');
      for (let step = 1; step <= 12; step++) {
        story.add({ kind: 'released', cause: 'error', step, message: '' }, { claim: 2 });
      }
      expect(story.state.ignored.count).toBe(12);
      expect(story.state.ignored.last.map(({ sequence }) => sequence)).toEqual([
        9, 10, 11, 12, 13, 14, 15, 16,
      ]);
      expect(story.state.strikes.total).toBe(1);
    });

    it.each([
      [
        'an owner\u2019s entry without a claim',
        (s: Story) => s.add({ kind: 'failed', reason: '', message: '', step: 1 }),
      ],
      ['an entry of a claim that never was', (s: Story) => s.add({ kind: 'paused', step: 1 }, { claim: 99 })],
      ['a second submission', (s: Story) => s.submit()],
      [
        'a commit after the attempt ended',
        (s: Story) => s.release('interrupted', 1).own(checkpointFacts({ claim: 2, ordinal: 1, step: 5 })),
      ],
      [
        'a checkpoint that is not named by its facts',
        (s: Story) => s.own({ ...checkpointFacts({ claim: 2, ordinal: 1, step: 5 }), step: 6 }),
      ],
      [
        'a checkpoint whose ordinal was used',
        (s: Story) => s.commit(5).own(checkpointFacts({ claim: 2, ordinal: 1, step: 5 })),
      ],
      [
        'a pin of something unknown',
        (s: Story) => s.add({ kind: 'pinned', checkpoint: '9-9-step9', by: 'a' }),
      ],
      ['a restore of something unknown', (s: Story) => s.release('error', 1).claim().restore('9-9-step9', 9)],
    ])('ignores %s', (_, tell) => {
      const story = tell(started());
      expect(story.state.ignored.count).toBe(1);
    });

    it('ignores a claim of a finished job, and so everything that follows from it', () => {
      const story = started().commit(10).own({
        kind: 'completed',
        checkpoint: '2-1-step10',
        step: 10,
        epoch: 1,
        reason: 'all epochs done',
        metrics: {},
      });
      story.claim('i-2').add(checkpointFacts({ claim: 6, ordinal: 1, step: 20 }), { claim: 6 });
      expect(story.state).toMatchObject({
        status: 'completed',
        newestClaim: 2,
        claim: null,
        ignored: { count: 2 },
      });
      expect(ids(story)).toEqual(['2-1-step10']);
    });

    it('says that nothing came before the submission', () => {
      const story = new Story().add({ kind: 'ticketed', by: 'x' });
      expect(whys(story)).toEqual(['ticketed before the job was submitted']);
      expect(story.state.lastTicketedAt).toBeNull();
    });
  });

  describe('of strikes', () => {
    it.each(['error', 'infrastructure', 'hung'] as const)('counts `%s`', (cause) => {
      const { strikes } = started().release(cause, 7).state;
      expect(strikes).toMatchObject({ total: 1, errors: cause === 'error' ? 1 : 0, step: 7 });
      expect(strikes.lastMessage).toBe(`ended by ${cause}`);
    });

    it.each(['interrupted', 'handover'] as const)('never counts `%s`', (cause) => {
      expect(started().release(cause, 7).state.strikes.total).toBe(0);
    });

    it('counts a claim after an open claim as a silent death at the last known step', () => {
      const { state } = started().commit(10).claim('i-2');
      expect(state.strikes).toMatchObject({ total: 1, errors: 0, step: 10 });
      expect(state.totals).toMatchObject({ silentDeaths: 1, claims: 2 });
    });

    it('counts infrastructure once per instance', () => {
      const story = started();
      for (const on of ['i-1', 'i-1', 'i-2', 'i-1']) story.release('infrastructure', 3).claim(on);
      story.release('infrastructure', 3);
      expect(story.state.strikes).toMatchObject({ total: 2, instances: ['i-1', 'i-2'] });
    });

    it('goes by the instance that `released` names, if it names one', () => {
      const story = started().own({
        kind: 'released',
        cause: 'infrastructure',
        step: 1,
        message: '',
        instance: instance('i-9'),
      });
      expect(story.state.strikes.instances).toEqual(['i-9']);
    });

    it('does not clear them by a commit at the struck step', () => {
      const story = started().commit(5).release('error', 10).claim().restore('2-1-step5', 5).commit(10);
      expect(story.state.strikes.total).toBe(1);
    });

    it('clears them by a commit beyond the struck step', () => {
      const story = started().commit(5).release('error', 10).claim().restore('2-1-step5', 5).commit(11);
      expect(story.state.strikes).toMatchObject({ total: 0, errors: 0, instances: [], lastMessage: null });
    });

    it('goes by the highest of all struck steps', () => {
      const story = started()
        .commit(5)
        .release('error', 30)
        .claim()
        .restore('2-1-step5', 5)
        .release('hung', 8);
      expect(story.state.strikes).toMatchObject({ total: 2, step: 30 });
      story.claim().restore('2-1-step5', 5).commit(29);
      expect(story.state.strikes.total).toBe(2);
      story.commit(31);
      expect(story.state.strikes.total).toBe(0);
    });

    it('takes a committed step for reached when the trainer reported less', () => {
      expect(started().commit(20).release('error', 0).state.strikes.step).toBe(20);
    });
  });

  describe('of checkpoints', () => {
    it('keeps them in order of commit with what the entry says', () => {
      const story = started().commit(10).commit(20);
      expect(ids(story)).toEqual(['2-1-step10', '2-2-step20']);
      expect(story.state.checkpoints[1]).toStrictEqual({
        id: '2-2-step20',
        claim: 2,
        ordinal: 2,
        sequence: 5,
        manifest: { key: `jobs/${jobId}/checkpoints/2-2-step20/manifest.json`, sha256: digest },
        step: 20,
        epoch: 0,
        example: 200,
        reason: 'policy',
        bytes: 1_000,
        elapsedMs: 5,
        newBytes: 100,
        at: '2030-01-01T00:05:00.000Z',
        pinned: false,
      });
      expect(story.state).toMatchObject({
        committed: 2,
        totals: { checkpoints: 2, bytes: 2_000, newBytes: 200 },
      });
    });

    it('drops what a commit drops, and counts on', () => {
      const story = started().commit(10).commit(20, ['2-1-step10']);
      expect(ids(story)).toEqual(['2-2-step20']);
      expect(story.state.committed).toBe(2);
    });

    it('drops what was pruned, with the request and every hold on it', () => {
      const story = started().commit(10).commit(20).commit(30);
      story.add({ kind: 'forked', checkpoint: '2-1-step10', child: 'child-1' });
      story.add({ kind: 'prune-requested', checkpoints: ['2-1-step10', '2-2-step20', '9-9-step9'], by: 'a' });
      expect(story.state.requests.prune).toEqual(['2-1-step10', '2-2-step20']);
      story.own({ kind: 'pruned', checkpoints: ['2-1-step10'] });
      expect(ids(story)).toEqual(['2-2-step20', '2-3-step30']);
      expect(story.state.requests.prune).toEqual(['2-2-step20']);
      expect(story.state.forks).toEqual([]);
    });

    it('pins and unpins', () => {
      const story = started().commit(10).add({ kind: 'pinned', checkpoint: '2-1-step10', by: 'a' });
      expect(story.state.checkpoints[0]?.pinned).toBe(true);
      story.add({ kind: 'unpinned', checkpoint: '2-1-step10', by: 'a' });
      expect(story.state.checkpoints[0]?.pinned).toBe(false);
    });

    it('resumes from the newest good one, by order of commit and never by step', () => {
      const story = started().commit(10).commit(20);
      story.own({ kind: 'quarantined', checkpoint: '2-2-step20', chunks: ['x'], why: 'bytes differ' });
      expect(resumeCandidates(story.state).map(({ id }) => id)).toEqual(['2-1-step10']);
      expect(story.state.checkpoints[1]?.quarantined).toBe('bytes differ');
      // The attempt that fell back to step 10 commits step 15: older by step, newer by commit.
      story.release('interrupted', 20).claim().restore('2-1-step10', 10).commit(15);
      expect(resumeCandidates(story.state).map(({ id }) => id)).toEqual([
        newestId(story.state),
        '2-1-step10',
      ]);
    });

    it('offers nothing when everything is damaged, although there is history', () => {
      const story = started().commit(10);
      story.own({ kind: 'quarantined', checkpoint: '2-1-step10', chunks: [], why: 'gone' });
      expect(resumeCandidates(story.state)).toEqual([]);
      expect(story.state.committed).toBe(1);
    });

    it('lets a fork hold a checkpoint for a day at most', () => {
      const story = started().commit(10);
      story.add({ kind: 'forked', checkpoint: '2-1-step10', child: 'child-1' }, { at: at(0) });
      story.add({ kind: 'ticketed', by: 'x' }, { at: at(23.9) });
      expect(story.state.forks).toEqual([{ checkpoint: '2-1-step10', child: 'child-1', at: at(0) }]);
      story.add({ kind: 'ticketed', by: 'x' }, { at: at(24) });
      expect(story.state.forks).toEqual([]);
    });

    it('holds once for a fork that is repeated', () => {
      const story = started().commit(10);
      story.add({ kind: 'forked', checkpoint: '2-1-step10', child: 'child-1' });
      story.add({ kind: 'forked', checkpoint: '2-1-step10', child: 'child-1' });
      expect(story.state.forks).toHaveLength(1);
    });
  });

  describe('of lost steps', () => {
    it('counts what lies between the step reached and the step restored', () => {
      const story = started().commit(10).release('error', 17).claim().restore('2-1-step10', 10);
      expect(story.state.totals.lostSteps).toBe(7);
      expect(story.state.reachedStep).toBe(10);
    });

    it('counts nothing after a notice that was committed in time', () => {
      const story = started().commit(10).release('interrupted', 10).claim().restore('2-1-step10', 10);
      expect(story.state.totals.lostSteps).toBe(0);
    });

    it('counts a lost step once, even when the next attempt dies before it trains', () => {
      const story = started().commit(10).release('error', 17).claim().claim().restore('2-1-step10', 10);
      expect(story.state.totals.lostSteps).toBe(7);
      story.claim().restore('2-1-step10', 10);
      expect(story.state.totals.lostSteps).toBe(7);
    });

    it('counts what a fall-back costs', () => {
      const story = started().commit(10).commit(20).claim();
      story
        .own({ kind: 'quarantined', checkpoint: '2-2-step20', chunks: [], why: 'gone' })
        .restore('2-1-step10', 10);
      expect(story.state.totals.lostSteps).toBe(10);
    });

    it('does not count what an operator rolls back', () => {
      const story = started().commit(10).commit(20).add({ kind: 'pause-requested', by: 'a' });
      story.own({ kind: 'paused', step: 25 }).add({ kind: 'resume-requested', by: 'a', from: '2-1-step10' });
      expect(story.claim().restore('2-1-step10', 10).state.totals.lostSteps).toBe(0);
    });
  });

  describe('of operators\u2019 requests', () => {
    it('pauses by request and answer', () => {
      const asked = started().add({ kind: 'pause-requested', by: 'a' });
      expect(asked.state).toMatchObject({ status: 'running', requests: { pause: true } });
      expect(asked.own({ kind: 'paused', step: 5 }).state).toMatchObject({
        status: 'paused',
        claim: null,
        requests: { pause: false },
        reachedStep: 5,
      });
    });

    it('cancels by request and answer', () => {
      const story = started().add({ kind: 'cancel-requested', by: 'a' }).own({ kind: 'cancelled', step: 5 });
      expect(story.state).toMatchObject({ status: 'cancelled', claim: null, requests: { cancel: false } });
      expect(story.state.end).toMatchObject({ kind: 'cancelled', step: 5 });
    });

    it('cancels a paused job under a claim that trains nothing', () => {
      const story = paused().add({ kind: 'cancel-requested', by: 'a' });
      expect(story.claim('cli').state.status).toBe('paused');
      expect(story.own({ kind: 'cancelled', step: 20 }).state).toMatchObject({
        status: 'cancelled',
        claim: null,
      });
      expect(story.state.ignored.count).toBe(0);
    });

    it('resumes a paused job, with strikes and request cleared', () => {
      const story = started().release('error', 3).claim().add({ kind: 'pause-requested', by: 'a' });
      story.own({ kind: 'paused', step: 3 }).add({ kind: 'resume-requested', by: 'a' });
      expect(story.state).toMatchObject({
        status: 'queued',
        strikes: { total: 0 },
        requests: { pause: false },
      });
    });

    it('resumes a failed job with a revised spec', () => {
      const revised = { key: `jobs/${jobId}/spec-5.json`, sha256: 'b'.repeat(64) };
      const story = started()
        .commit(10)
        .own({ kind: 'failed', reason: 'user-error', message: 'boom', step: 12 });
      expect(story.state.end).toMatchObject({ kind: 'failed', reason: 'user-error', message: 'boom' });
      story.add({ kind: 'resume-requested', by: 'a', spec: revised });
      expect(story.state).toMatchObject({ status: 'queued', end: null, spec: revised, resumeFrom: null });
    });

    it.each(['completed', 'cancelled'] as const)('cannot resume a %s job', (kind) => {
      const story = started().commit(10).add({ kind: 'cancel-requested', by: 'a' });
      if (kind === 'cancelled') story.own({ kind, step: 10 });
      else
        story.own({
          kind,
          checkpoint: '2-1-step10',
          step: 10,
          epoch: 1,
          reason: 'done',
          metrics: { loss: 1 },
        });
      story.add({ kind: 'resume-requested', by: 'a' });
      expect(story.state).toMatchObject({ status: kind, ignored: { count: 1 } });
      expect(story.state.end?.kind).toBe(kind);
    });

    it('lets a resume withdraw a pause request of a running job', () => {
      const story = started()
        .add({ kind: 'pause-requested', by: 'a' })
        .add({ kind: 'resume-requested', by: 'a' });
      expect(story.state).toMatchObject({ status: 'running', requests: { pause: false } });
      expect(story.state.claim?.token).toBe(2);
    });

    it('ignores a revision of a running job', () => {
      const story = started().commit(10).add({ kind: 'resume-requested', by: 'a', from: '2-1-step10' });
      expect(whys(story)).toEqual(['a running job was to be revised']);
    });

    it('does not wait for one who tidies up when a paused job is resumed', () => {
      const story = paused()
        .add({ kind: 'prune-requested', checkpoints: ['2-1-step10'], by: 'a' })
        .claim('cli');
      story.add({ kind: 'resume-requested', by: 'a' }).claim('i-2');
      expect(story.state).toMatchObject({
        status: 'running',
        strikes: { total: 0 },
        totals: { silentDeaths: 0 },
      });
    });

    it('does not strike for one who died tidying up a paused job', () => {
      const story = paused().add({ kind: 'cancel-requested', by: 'a' }).claim('cli-1').claim('cli-2');
      expect(story.state.strikes.total).toBe(0);
      expect(story.state.totals.silentDeaths).toBe(0);
    });

    it('remembers that a ticket was sent', () => {
      const story = new Story().submit().add({ kind: 'ticketed', by: 'reconcile' });
      expect(story.state.lastTicketedAt).toBe('2030-01-01T00:02:00.000Z');
    });
  });

  describe('of a roll-back', () => {
    it('begins at its target and falls back from there', () => {
      expect(candidates(rolledBack())).toEqual(['2-2-step20', '2-1-step10']);
    });

    it('stands until a commit follows, not only until it is restored', () => {
      const story = rolledBack().claim().restore('2-2-step20', 20).release('hung', 24).claim();
      expect(candidates(story)).toEqual(['2-2-step20', '2-1-step10']);
    });

    it('sets aside what it left behind once a commit follows', () => {
      const story = rolledBack().claim().restore('2-2-step20', 20).commit(25);
      expect(story.state.resumeFrom).toBeNull();
      expect(candidates(story)).toEqual([newestId(story.state), '2-2-step20', '2-1-step10']);
      expect(story.state.checkpoints.map(({ setAside }) => setAside ?? false)).toEqual([
        false,
        false,
        true,
        false,
      ]);
    });

    it('can be taken back by naming what was set aside', () => {
      const story = rolledBack().claim().restore('2-2-step20', 20).commit(25);
      const abandoned = newestId(story.state);
      story.release('interrupted', 25).add({ kind: 'resume-requested', by: 'a', from: '2-3-step30' });
      expect(candidates(story)[0]).toBe('2-3-step30');
      story.claim().restore('2-3-step30', 30).commit(40);
      expect(candidates(story)).toContain('2-3-step30');
      expect(candidates(story)).not.toContain(abandoned);
    });

    it('resumes from its target again once the quarantine of that is lifted', () => {
      const story = rolledBack().claim();
      story.own({ kind: 'quarantined', checkpoint: '2-2-step20', chunks: [], why: 'gone' });
      story.add({ kind: 'quarantine-lifted', checkpoint: '2-2-step20', by: 'a' });
      expect(candidates(story)).toEqual(['2-2-step20', '2-1-step10']);
    });

    it('goes behind its target when that turns out to be damaged', () => {
      const story = rolledBack().claim();
      story.own({ kind: 'quarantined', checkpoint: '2-2-step20', chunks: [], why: 'gone' });
      expect(candidates(story)).toEqual(['2-1-step10']);
    });
  });
});
