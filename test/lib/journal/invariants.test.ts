import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type EntryFacts,
  type JournalEntry,
  journalEntrySchema,
} from '../../../lib/contract/journal-entry.ts';
import { fold, foldEntry, initialState } from '../../../lib/journal/fold.ts';
import * as invariants from '../../../lib/journal/invariants.ts';
import { jobStateSchema } from '../../../lib/journal/job-state-schema.ts';
import { checkState } from '../../../lib/journal/state-invariants.ts';
import { checkpointFacts, instance, jobId, Story, submission } from '../../support/journal-world.ts';

const started = (): Story => new Story().submit().claim().restore(null, 0);

/** What would be said of an entry that followed the story. */
function broken(story: Story, facts: EntryFacts, claim: number | null = null): readonly string[] {
  const entry = new Story();
  entry.entries.push(...story.entries);
  entry.state = story.state;
  entry.add(facts, { claim });
  return invariants.checkInvariants(story.state, entry.entries.at(-1)!);
}

const ofTwo = (facts: EntryFacts) => (story: Story) => broken(story, facts, 2);
const byAnybody = (facts: EntryFacts) => (story: Story) => broken(story, facts);
const restored = (checkpoint: string | null, step: number): EntryFacts => ({
  kind: 'restored',
  checkpoint,
  step,
  bytes: 0,
  elapsedMs: 0,
});
const commit = (ordinal: number, step: number, drops: string[] = []): EntryFacts =>
  checkpointFacts({ claim: 2, ordinal, step, drops });
const completed = (checkpoint: string, step: number): EntryFacts => ({
  kind: 'completed',
  checkpoint,
  step,
  epoch: 1,
  reason: 'done',
});
const one = '2-1-step10';
const two = '2-2-step20';
const quarantineOf = (checkpoint: string): EntryFacts => ({
  kind: 'quarantined',
  checkpoint,
  chunks: [],
  why: 'gone',
});

const lifted = (checkpoint: string): EntryFacts => ({ kind: 'quarantine-lifted', checkpoint, by: 'a' });

type Case = readonly [
  what: string,
  story: () => Story,
  ask: (story: Story) => readonly string[],
  why: RegExp,
];

const cases: readonly Case[] = [
  ['a second submission', started, byAnybody({ kind: 'submitted', ...submission }), /submitted before/],
  [
    'anything before the submission',
    () => new Story(),
    byAnybody({ kind: 'ticketed', by: 'a' }),
    /before the job was submitted/,
  ],
  ['a commit of a fenced owner', () => started().claim(), ofTwo(commit(1, 5)), /newest is 4/],
  [
    'an owner\u2019s entry without a claim',
    started,
    byAnybody({ kind: 'failed', reason: '', message: '', step: 1 }),
    /without a claim/,
  ],
  [
    'a claim of a completed job',
    () => started().commit(10).own(completed(one, 10)),
    byAnybody({ kind: 'claimed', ticket: 't', instance: instance() }),
    /the job is completed/,
  ],
  [
    'a commit after the attempt has ended',
    () => started().release('interrupted', 1),
    ofTwo(commit(1, 5)),
    /attempt has ended/,
  ],
  [
    'a second `completed`',
    () => started().commit(10).own(completed(one, 10)),
    ofTwo(completed(one, 10)),
    /the job is completed/,
  ],
  [
    'training under a claim that tidies up',
    () =>
      started()
        .commit(10)
        .commit(20)
        .own(completed(two, 20))
        .add({ kind: 'prune-requested', checkpoints: [one], by: 'a' })
        .claim(),
    (story) => broken(story, checkpointFacts({ claim: 7, ordinal: 1, step: 30 }), 8),
    /the job is completed/,
  ],
  [
    'a pause of a failed job',
    () => started().own({ kind: 'failed', reason: '', message: '', step: 1 }),
    byAnybody({ kind: 'pause-requested', by: 'a' }),
    /the job is failed/,
  ],
  [
    'a resume of a completed job',
    () => started().commit(10).own(completed(one, 10)),
    byAnybody({ kind: 'resume-requested', by: 'a' }),
    /the job is completed/,
  ],
  [
    'a roll-back of a running job',
    () => started().commit(10),
    byAnybody({ kind: 'resume-requested', by: 'a', from: one }),
    /running job/,
  ],
  [
    'a pin of a dropped checkpoint',
    () => started().commit(10).commit(20, [one]),
    byAnybody({ kind: 'pinned', checkpoint: one, by: 'a' }),
    /not retained/,
  ],
  [
    'a fork of a dropped checkpoint',
    () => started().commit(10).commit(20, [one]),
    byAnybody({ kind: 'forked', checkpoint: one, child: 'c' }),
    /not retained/,
  ],
  [
    'a restore of a dropped checkpoint',
    () => started().commit(10).commit(20, [one]).claim(),
    (story) => broken(story, restored(one, 10), 6),
    /not retained/,
  ],
  [
    'a completion on a dropped checkpoint',
    () => started().commit(10).commit(20, [one]),
    ofTwo(completed(one, 20)),
    /not retained/,
  ],
  ['an ordinal that is used', () => started().commit(10), ofTwo(commit(1, 20)), /follows ordinal 1/],
  [
    'an id that is not of its facts',
    started,
    ofTwo({ ...checkpointFacts({ claim: 2, ordinal: 1, step: 5 }), step: 6 }),
    /not named by its facts/,
  ],
  ['a step behind the last commit', () => started().commit(10), ofTwo(commit(2, 9)), /step 9 after step 10/],
  [
    'a step behind the restore',
    () => started().commit(10).claim().restore(one, 10),
    (story) => broken(story, checkpointFacts({ claim: 5, ordinal: 1, step: 9 }), 5),
    /step 9 after step 10/,
  ],
  [
    'a silent start from step 0',
    () => started().commit(10).claim(),
    (story) => broken(story, checkpointFacts({ claim: 5, ordinal: 1, step: 3 }), 5),
    /step 3 after step 10/,
  ],
  [
    'a completion behind the last commit',
    () => started().commit(10),
    ofTwo(completed(one, 9)),
    /step 9 after step 10/,
  ],
  [
    'a fresh start of a job with history',
    () => started().commit(10).claim(),
    (story) => broken(story, restored(null, 0), 5),
    /has checkpoints/,
  ],
  [
    'a fresh start in the middle',
    () => new Story().submit().claim(),
    ofTwo(restored(null, 5)),
    /fresh start at step 5/,
  ],
  [
    'a restore at another step than the checkpoint\u2019s',
    () => started().commit(10).claim(),
    (story) => broken(story, restored(one, 11), 5),
    /of step 10/,
  ],
  ['a second restore in one attempt', started, ofTwo(restored(null, 0)), /restored twice/],
  [
    'a restore after a commit',
    () => new Story().submit().claim().commit(10),
    ofTwo(restored(one, 10)),
    /after a commit/,
  ],
  [
    'a restore of a quarantined checkpoint',
    () => started().commit(10).own(quarantineOf(one)).claim(),
    (story) => broken(story, restored(one, 10), 6),
    /quarantined/,
  ],
  [
    'a completion on a quarantined checkpoint',
    () => started().commit(10).own(quarantineOf(one)),
    ofTwo(completed(one, 10)),
    /quarantined: gone/,
  ],
  [
    'to lift the quarantine of a checkpoint that has none',
    () => started().commit(10),
    byAnybody(lifted(one)),
    /which has none/,
  ],
  [
    'to lift the quarantine of one that was dropped',
    () => started().commit(10).own(quarantineOf(one)).commit(20, [one]),
    byAnybody(lifted(one)),
    /not retained/,
  ],
  [
    'a drop of a pinned checkpoint',
    () => started().commit(10).add({ kind: 'pinned', checkpoint: one, by: 'a' }),
    ofTwo(commit(2, 20, [one])),
    /must stay/,
  ],
  [
    'a drop of one that a fork holds',
    () => started().commit(10).add({ kind: 'forked', checkpoint: one, child: 'c' }),
    ofTwo(commit(2, 20, [one])),
    /must stay/,
  ],
  ['a drop of the very checkpoint', started, ofTwo(commit(1, 20, ['2-1-step20'])), /must stay/],
  [
    'a prune of where a resume would begin',
    () => started().commit(10).commit(20),
    ofTwo({ kind: 'pruned', checkpoints: [two] }),
    /must stay/,
  ],
  ['a pause that nobody asked for', started, ofTwo({ kind: 'paused', step: 1 }), /nobody asked/],
  ['a cancellation that nobody asked for', started, ofTwo({ kind: 'cancelled', step: 1 }), /nobody asked/],
];

describe('the invariants refuse', () => {
  it.each(cases)('%s', (...[, story, ask, why]) => {
    expect(ask(story()).join('; ')).toMatch(why);
  });
});

describe('the invariants allow', () => {
  it.each<[string, () => Story, (story: Story) => readonly string[]]>([
    [
      'anybody to lift a quarantine, while somebody trains from an older checkpoint',
      () => started().commit(10).commit(20).own(quarantineOf(two)).claim().restore(one, 10),
      byAnybody(lifted(two)),
    ],
    [
      'a commit of that attempt, behind the one that is good again',
      () => started().commit(10).commit(20).own(quarantineOf(two)).claim().restore(one, 10).add(lifted(two)),
      (story) => broken(story, checkpointFacts({ claim: 7, ordinal: 1, step: 12 }), 7),
    ],
    ['a commit at the same step as the one before', () => started().commit(10), ofTwo(commit(2, 10))],
    ['the drop of the checkpoint before', () => started().commit(10), ofTwo(commit(2, 20, [one]))],
    [
      'a claim of a completed job that has to be pruned',
      () =>
        started()
          .commit(10)
          .commit(20)
          .own(completed(two, 20))
          .add({ kind: 'prune-requested', checkpoints: [one], by: 'a' }),
      byAnybody({ kind: 'claimed', ticket: 't', instance: instance() }),
    ],
    [
      'the prune under it',
      () =>
        started()
          .commit(10)
          .commit(20)
          .own(completed(two, 20))
          .add({ kind: 'prune-requested', checkpoints: [one], by: 'a' })
          .claim(),
      (story) => broken(story, { kind: 'pruned', checkpoints: [one] }, 8),
    ],
    [
      'a verdict after the attempt has ended',
      () => started().release('error', 1),
      ofTwo({ kind: 'failed', reason: 'user-error', message: '', step: 1 }),
    ],
    [
      'a fall-back behind a quarantined checkpoint',
      () => started().commit(10).commit(20).own(quarantineOf(two)).claim(),
      (story) => broken(story, restored(one, 10), 7),
    ],
    [
      'a release at a lower step, by a trainer that reported none',
      () => started().commit(10),
      ofTwo({ kind: 'released', cause: 'interrupted', step: 0, message: '' }),
    ],
    [
      'the drop of one whose fork has had its day',
      () =>
        started()
          .commit(10)
          .add({ kind: 'forked', checkpoint: one, child: 'c' })
          .add({ kind: 'ticketed', by: 'a' }, { at: '2030-01-03T00:00:00Z' }),
      ofTwo(commit(2, 20, [one])),
    ],
  ])('%s', (_, story, ask) => {
    expect(ask(story())).toEqual([]);
  });

  it('only the next slot', () => {
    const { state, entries } = started();
    expect(invariants.slotsAreContiguous(state, entries[1]!)).toMatch(/slot 2 does not follow slot 3/);
  });
});

/** Stand for the newest retained checkpoints while the journal grows; the last for one that never was. */
const ids = fc.constantFrom('1-1-step1', '1-1-step2', '1-1-step3', '9-9-step9');
const step = fc.integer({ min: 0, max: 6 });
const causes = fc.constantFrom('interrupted', 'error', 'infrastructure', 'hung', 'handover');
const anyFacts = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: 'submitted', ...submission }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('claimed'),
      ticket: fc.constant('t'),
      instance: fc.constantFrom(instance('i-1'), instance('i-2')),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('restored'),
      checkpoint: fc.option(ids),
      step,
      bytes: step,
      elapsedMs: step,
    }),
  },
  {
    weight: 16,
    arbitrary: fc.record({
      kind: fc.constant('checkpoint'),
      ordinal: fc.integer({ min: 1, max: 4 }),
      step,
      drops: fc.array(ids, { maxLength: 2 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('released'), cause: causes, step, message: fc.constant('m') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('completed'),
      checkpoint: ids,
      step,
      epoch: step,
      reason: fc.constant('r'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('failed'),
      reason: fc.constant('r'),
      message: fc.constant('m'),
      step,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('paused', 'cancelled'), step }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('pause-requested', 'cancel-requested', 'ticketed'),
      by: fc.constant('a'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record(
      { kind: fc.constant('resume-requested'), by: fc.constant('a'), from: ids },
      { requiredKeys: ['kind', 'by'] },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('pinned', 'unpinned'),
      checkpoint: ids,
      by: fc.constant('a'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('prune-requested'),
      checkpoints: fc.array(ids, { maxLength: 2 }),
      by: fc.constant('a'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pruned'), checkpoints: fc.array(ids, { maxLength: 2 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('quarantined'),
      checkpoint: ids,
      chunks: fc.constant([]),
      why: fc.constant('w'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('quarantine-lifted'), checkpoint: ids, by: fc.constant('a') }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('forked'),
      checkpoint: ids,
      child: fc.constantFrom('c-1', 'c-2'),
    }),
  },
);

/** Claims are filled in while the journal grows, so that most entries mean something. */
const anyEntry = fc.record({
  facts: anyFacts,
  claim: fc.constantFrom(
    'newest' as const,
    'newest' as const,
    'newest' as const,
    'older' as const,
    'none' as const,
  ),
  minutes: fc.integer({ min: -600, max: 3_000 }),
});

type AnyEntry = typeof anyEntry extends fc.Arbitrary<infer Value> ? Value : never;

const operators = new Set([
  'submitted',
  'pause-requested',
  'cancel-requested',
  'resume-requested',
  'prune-requested',
  'ticketed',
  'pinned',
  'unpinned',
  'forked',
]);

/** Any journal that fits the format, whatever sense it makes. */
function journalOf(drawn: readonly AnyEntry[]): Story {
  const story = new Story().submit();
  for (const { facts, claim, minutes } of drawn) {
    const { newestClaim, updatedAt, sequence } = story.state;
    const token = claim === 'none' ? null : Math.max(1, claim === 'newest' ? newestClaim : newestClaim - 1);
    const owner = operators.has(facts.kind) ? null : token;
    const at = new Date(Date.parse(updatedAt ?? '') + minutes * 60_000).toISOString();
    const ordinal = story.state.claim?.ordinal ?? 0;
    const real = retained(story, facts);
    const named =
      'ordinal' in real
        ? checkpointFacts({ ...real, claim: owner ?? 1, ordinal: ordinal + real.ordinal - 1 || 1 })
        : real;
    story.entries.push(
      parsed({
        ...named,
        sequence: sequence + 1,
        at,
        claim: facts.kind === 'claimed' ? sequence + 1 : owner,
      }),
    );
    story.state = foldEntry(story.state, story.entries.at(-1)!);
  }
  return story;
}

/** The facts with ids of what the story retains, so that many of them name something. */
function retained<Facts extends object>(story: Story, facts: Facts): Facts {
  const newest = story.state.checkpoints.toReversed();
  const real = (id: string): string => newest[Number(id.at(-1)) - 1]?.id ?? '9-9-step9';
  const text = JSON.stringify(facts).replaceAll(/\d-\d-step\d/g, real);
  return Object.assign(structuredClone(facts), JSON.parse(text));
}

const parsed = (entry: object): JournalEntry =>
  journalEntrySchema.parse({ format: 1, nonce: 'some-nonce', ...entry });

describe('the fold of any journal that fits the format', () => {
  it('never fails, keeps every state sound, and reports what it skips', () => {
    let skipped = 0;
    let committed = 0;
    fc.assert(
      fc.property(fc.array(anyEntry, { minLength: 20, maxLength: 60 }), (drawn) => {
        const { entries } = journalOf(drawn);
        let state = initialState(jobId);
        for (const entry of entries) {
          const isVoid = invariants.whyVoid(state, entry) !== undefined;
          const after = foldEntry(state, entry);
          expect(after.ignored.count - state.ignored.count).toBe(isVoid ? 1 : 0);
          // Writers never drop the last checkpoint; what others did is folded as it stands.
          expect(checkState(after).filter((why) => why !== 'every checkpoint was dropped')).toEqual([]);
          expect(Date.parse(after.updatedAt ?? '')).toBeGreaterThanOrEqual(
            Date.parse(state.updatedAt ?? entry.at) || 0,
          );
          state = after;
        }
        skipped += state.ignored.count;
        committed += state.committed;
      }),
      { numRuns: 300 },
    );
    expect(skipped).toBeGreaterThan(1_000);
    expect(committed).toBeGreaterThan(300);
  });

  it('is the same from any point on, and survives being kept as a hint', () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { minLength: 10, maxLength: 40 }), fc.nat(), (drawn, at) => {
        const { entries, state } = journalOf(drawn);
        const cut = at % (entries.length + 1);
        const kept = jobStateSchema.parse(JSON.parse(JSON.stringify(fold(entries.slice(0, cut), jobId))));
        expect(entries.slice(cut).reduce(foldEntry, kept)).toStrictEqual(state);
        expect(fold(entries, jobId)).toStrictEqual(state);
      }),
      { numRuns: 300 },
    );
  });

  it('is not changed by what fenced owners write', () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { minLength: 10, maxLength: 40 }), (drawn) => {
        const story = journalOf(drawn).claim('i-9');
        if (story.state.newestClaim !== story.state.sequence) return;
        const before = story.state;
        story.add(checkpointFacts({ claim: before.newestClaim - 1, ordinal: 1, step: 99 }), {
          claim: before.newestClaim - 1,
        });
        const { ignored, sequence, updatedAt, ...rest } = story.state;
        expect({ ...before, ...rest }).toStrictEqual(before);
        expect([ignored.count, sequence]).toEqual([before.ignored.count + 1, before.sequence + 1]);
        expect(updatedAt).not.toBeNull();
      }),
    );
  });
});

describe('a state', () => {
  it('is checked by predicates that a spoilt one breaks', () => {
    const { state: sound } = started().commit(10).commit(20);
    expect(checkState(sound)).toEqual([]);
    const spoilt = [
      { ...sound, newestClaim: 3 },
      { ...sound, claim: null },
      { ...sound, status: 'completed' as const, claim: null },
      { ...sound, checkpoints: sound.checkpoints.toReversed() },
      { ...sound, resumeFrom: '9-9-step9' },
      { ...sound, checkpoints: [] },
      { ...sound, strikes: { ...sound.strikes, errors: 1 } },
    ];
    for (const state of spoilt) expect(checkState(state)).toHaveLength(1);
  });
});
