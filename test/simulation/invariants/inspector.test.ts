import { describe, expect, it } from 'vitest';
import { Inspector } from './inspector.ts';
import { sha256Of } from './object-rules.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const minuteMs = 60_000;
const bound = {
  silentMs: 15 * minuteMs,
  betweenTicketsMs: 360 * minuteMs,
  roundMs: 20 * minuteMs,
  livenessMs: 90_000,
};
const machine = { id: 'i-1', type: 'test', zone: 'test-1a' };

/** A region of one job, written by hand: everything in it is right unless a test makes it wrong. */
class HandMade {
  readonly inspector = new Inspector({ bound });
  nowMs = 0;
  #slots = 0;
  #claim: number | null = null;

  constructor() {
    this.say({ kind: 'submitted' });
    this.inspector.tell(0, { kind: 'sent', messageId: 'm1', jobId: 'job' });
  }

  get broken(): readonly string[] {
    return this.inspector.violations.map(({ invariant }) => invariant);
  }

  /** Appends as the owner of the newest claim, or as told. */
  say(facts: Readonly<Record<string, unknown>>): this {
    const sequence = ++this.#slots;
    if (facts['kind'] === 'claimed') this.#claim = sequence;
    const entry = { sequence, claim: this.#claim, at: new Date(this.nowMs).toISOString(), ...facts };
    const key = `jobs/job/journal/${String(sequence).padStart(20, '0')}.json`;
    return this.write(key, JSON.stringify(entry));
  }

  write(key: string, text: string): this {
    this.inspector.tell(this.nowMs, { kind: 'written', key, body: bytes(text) });
    return this;
  }

  remove(...keys: string[]): this {
    this.inspector.tell(this.nowMs, { kind: 'deleted', keys });
    return this;
  }

  wait(ms: number): this {
    this.nowMs += ms;
    this.inspector.tell(this.nowMs, { kind: 'time' });
    return this;
  }

  claim(ticket = 'm1', instance = machine): this {
    return this.say({ kind: 'claimed', ticket, instance });
  }

  restore(checkpoint: string | null = null, step = 0): this {
    return this.say({ kind: 'restored', checkpoint, step });
  }

  /** Uploads and commits. `reuses` names keys of others. */
  commit(
    step: number,
    options: {
      ordinal?: number;
      drops?: string[];
      reuses?: string[];
      parent?: string | null;
      without?: string;
      claim?: number;
    } = {},
  ): this {
    const { ordinal = step, drops = [], reuses = [], parent = null, claim = this.#claim, without } = options;
    const id = `${claim}-${ordinal}-step${step}`;
    const folder = `jobs/job/checkpoints/${id}`;
    const sha256 = sha256Of(bytes(`chunk ${step}`));
    const own = `${folder}/${sha256}`;
    if (without !== 'chunk') this.write(own, `chunk ${step}`);
    const chunks = [own, ...reuses].map((key) => {
      const name = key.split('/').at(-1) ?? '';
      return { key, sha256: name, bytes: 7, stored: 7, codec: 'planes-zlib' };
    });
    const manifest = JSON.stringify({
      parent,
      step,
      files: [
        {
          chunks: chunks.map((chunk) => ({
            ...chunk,
            stored: this.inspector.objects.get(chunk.key)?.byteLength ?? 7,
          })),
        },
      ],
    });
    if (without !== 'manifest') this.write(`${folder}/manifest.json`, manifest);
    const ref = { key: `${folder}/manifest.json`, sha256: sha256Of(bytes(manifest)) };
    return this.say({ kind: 'checkpoint', id, ordinal, step, manifest: ref, reason: 'policy', drops, claim });
  }

  keyOf(step: number, claim = 2): string {
    return `jobs/job/checkpoints/${claim}-${step}-step${step}/${sha256Of(bytes(`chunk ${step}`))}`;
  }
}

const begun = (): HandMade => new HandMade().claim().restore();

/** A second job, which says that it is a fork of the first one at step 1, and then what is given. */
function withFork(...entries: ReadonlyArray<Readonly<Record<string, unknown>>>): HandMade {
  const world = begun().commit(1);
  const forkedFrom = { jobId: 'job', checkpoint: '2-1-step1', step: 1 };
  for (const [index, facts] of [{ kind: 'submitted', claim: null, forkedFrom }, ...entries].entries()) {
    const sequence = index + 1;
    const entry = { sequence, at: '2030-01-01T00:00:00Z', ...facts };
    world.write(`jobs/fork/journal/${String(sequence).padStart(20, '0')}.json`, JSON.stringify(entry));
  }
  return world;
}

describe('the inspector', () => {
  it('has nothing to say about a job that is interrupted, goes on and completes', () => {
    const world = begun()
      .commit(1)
      .commit(2, { reuses: [new HandMade().keyOf(1)], parent: '2-1-step1' });
    world.say({ kind: 'released', cause: 'interrupted', step: 2, instance: machine });
    world.inspector.tell(0, { kind: 'sent', messageId: 'm2', jobId: 'job' });
    world.inspector.tell(0, { kind: 'removed', messageId: 'm1' });
    world
      .claim('m2')
      .restore('2-2-step2', 2)
      .commit(3, { ordinal: 1, drops: ['2-1-step1'] });
    world.say({ kind: 'completed', checkpoint: '7-1-step3', step: 3, reason: 'done' });
    world.inspector.tell(0, { kind: 'removed', messageId: 'm2' });
    world.wait(24 * 60 * minuteMs).inspector.end(world.nowMs);
    expect(world.inspector.violations).toEqual([]);
  });

  const slot3 = 'jobs/job/journal/00000000000000000003.json';
  const cases: ReadonlyArray<readonly [rule: string, what: string, wrong: () => HandMade]> = [
    [
      'slotsFollowOneAnother',
      'a slot is left out',
      () => begun().write('jobs/job/journal/00000000000000000009.json', '{"sequence":9}'),
    ],
    [
      'slotsFollowOneAnother',
      'a slot holds no entry',
      () => begun().write('jobs/job/journal/00000000000000000004.json', '{'),
    ],
    ['slotsNeverChange', 'a slot is written again', () => begun().write(slot3, '{}')],
    ['slotsNeverChange', 'a slot is deleted', () => begun().remove(slot3)],
    [
      'oneOwnerAtATime',
      'an older claim commits',
      () => begun().wait(90_000).claim('m2').commit(1, { claim: 2 }),
    ],
    [
      'oneOwnerAtATime',
      'an owner goes on after its release',
      () => begun().say({ kind: 'released', step: 0 }).commit(1),
    ],
    ['aFreshOwnerIsLeftAlone', 'a claim is taken away at once', () => begun().wait(1_000).claim('m2')],
    [
      'aJobEndsOnce',
      'a job completes twice',
      () => {
        const end = { kind: 'completed', checkpoint: '2-1-step1', step: 1, reason: 'done' };
        return begun().commit(1).say(end).say(end);
      },
    ],
    [
      'aJobEndsOnce',
      'a cancelled job trains',
      () => begun().say({ kind: 'cancel-requested' }).say({ kind: 'cancelled', step: 0 }).claim().restore(),
    ],
    [
      'endsHaveAReason',
      'a job fails for no reason',
      () => begun().say({ kind: 'failed', reason: 'strikes', message: '' }),
    ],
    ['endsHaveAReason', 'a job is paused unasked', () => begun().say({ kind: 'paused', step: 0 })],
    ['namesAreNew', 'a checkpoint has the name of another', () => begun().commit(1).commit(1)],
    [
      'beginsAtTheNewestGood',
      'an attempt begins at an older checkpoint',
      () => begun().commit(1).commit(2).wait(90_000).claim().restore('2-1-step1', 1),
    ],
    [
      'beginsAtTheNewestGood',
      'a job with history begins afresh',
      () => begun().commit(1).wait(90_000).claim().restore(),
    ],
    [
      'beginsAtTheNewestGood',
      'an attempt begins at what a roll-back left behind',
      () =>
        begun()
          .commit(1)
          .commit(2)
          .say({ kind: 'failed', reason: 'user-error', message: 'it was so' })
          .say({ kind: 'resume-requested', from: '2-1-step1', claim: null })
          .claim()
          .restore('2-2-step2', 2),
    ],
    [
      'stepsNeverGoBack',
      'a commit is behind the one before',
      () => begun().commit(5).commit(4, { ordinal: 6 }),
    ],
    ['stepsNeverGoBack', 'a commit comes before the attempt began', () => new HandMade().claim().commit(1)],
    [
      'resultsAreGood',
      'a result was dropped',
      () =>
        begun()
          .commit(1)
          .commit(2, { drops: ['2-1-step1'] })
          .say({ kind: 'completed', checkpoint: '2-1-step1', step: 1, reason: 'done' }),
    ],
    [
      'keepsWhatMustStay',
      'the place where a resume begins is pruned',
      () =>
        begun()
          .commit(1)
          .say({ kind: 'pruned', checkpoints: ['2-1-step1'] }),
    ],
    [
      'keepsWhatMustStay',
      'a pinned checkpoint is dropped',
      () =>
        begun()
          .commit(1)
          .say({ kind: 'pinned', checkpoint: '2-1-step1', claim: null })
          .commit(2, { drops: ['2-1-step1'] }),
    ],
    ['commitsWhatIsDurable', 'a chunk is still on its way', () => begun().commit(1, { without: 'chunk' })],
    [
      'commitsWhatIsDurable',
      'the manifest is still on its way',
      () => begun().commit(1, { without: 'manifest' }),
    ],
    [
      'reusesOnlyItsParents',
      'a chunk is not one of the parent',
      () =>
        begun()
          .commit(1)
          .commit(2)
          .commit(3, { parent: '2-2-step2', reuses: [new HandMade().keyOf(1)] }),
    ],
    [
      'reusesOnlyItsParents',
      'the parent was dropped',
      () =>
        begun()
          .commit(1)
          .commit(2, { drops: ['2-1-step1'] })
          .commit(3, { parent: '2-1-step1', reuses: [new HandMade().keyOf(1)] }),
    ],
    [
      'retainedStays',
      'a chunk of a retained checkpoint is deleted',
      () => begun().commit(1).remove(new HandMade().keyOf(1)),
    ],
    [
      'retainedStays',
      'a chunk of a retained checkpoint is overwritten',
      () => begun().commit(1).write(new HandMade().keyOf(1), 'other bytes'),
    ],
    [
      'quarantinesOnlyDamage',
      'a whole checkpoint is quarantined',
      () => begun().commit(1).say({ kind: 'quarantined', checkpoint: '2-1-step1', why: 'a time-out' }),
    ],
    [
      'noFaultOfOurs',
      'a worker logs a broken invariant',
      () => {
        const world = begun();
        world.inspector.tell(0, { kind: 'said', by: 'worker', text: 'broken invariant: it was planned so' });
        return world;
      },
    ],
    [
      'handsOverBeforeItLetsGo',
      'the old ticket goes first',
      () => {
        const world = begun().say({ kind: 'released', step: 0, instance: machine });
        world.inspector.tell(0, { kind: 'removed', messageId: 'm1' });
        return world;
      },
    ],
    [
      'ownersKeepTheirTickets',
      'the ticket of an open attempt is deleted',
      () => {
        const world = begun();
        world.inspector.tell(0, { kind: 'removed', messageId: 'm1' });
        return world;
      },
    ],
    [
      'noJobIsForgotten',
      'a job without a ticket waits beyond the bound',
      () => {
        const world = begun();
        world.inspector.tell(0, { kind: 'vanished', messageId: 'm1' });
        return world.wait(36 * minuteMs);
      },
    ],
    [
      'everyJobEnds',
      'a job is still there at the end',
      () => {
        const world = begun();
        world.inspector.end(0);
        return world;
      },
    ],
    [
      'forksWaitForTheirFirst',
      'a worker claims a fork that is being made',
      () => withFork({ kind: 'claimed', claim: 2, ticket: 'm9', instance: machine }),
    ],
    ['forksAreHeld', 'a fork is made of what its parent does not hold', () => withFork()],
    [
      'forksBeginWhereTheyWereAsked',
      'a fork begins with another checkpoint',
      () => withFork({ kind: 'checkpoint', id: '2-1-step9', ordinal: 1, step: 9, reason: 'fork', claim: 2 }),
    ],
  ];

  it.each(cases)('%s: %s', (rule, _what, wrong) => {
    expect(wrong().broken).toContain(rule);
  });

  it('does not blame an attempt for the ticket that the queue lost after a hand-over', () => {
    const world = begun().say({ kind: 'released', step: 0, instance: machine });
    world.inspector.tell(1, { kind: 'sent', messageId: 'm2', jobId: 'job' });
    world.inspector.tell(2, { kind: 'vanished', messageId: 'm2' });
    world.inspector.tell(3, { kind: 'removed', messageId: 'm1' });
    expect(world.inspector.violations).toEqual([]);
  });

  it('takes damage of the world for damage, and says nothing of it', () => {
    const world = begun().commit(1).commit(2);
    const key = world.keyOf(2);
    world.inspector.tell(0, { kind: 'damaged', key, body: undefined });
    world.say({ kind: 'quarantined', checkpoint: '2-2-step2', why: 'it is missing', claim: null });
    world.wait(90_000).claim().restore('2-1-step1', 1);
    expect(world.inspector.violations).toEqual([]);
  });
});
