/**
 * A job's checkpoints under everything that adds or removes them, with a death of all processes at every write to the
 * store: what was not yet written is lost, or lands late, in the life of those who come after.
 */
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../../lib/base/random.ts';
import { deleteDropped, pruneRequested, sweepGarbage } from '../../../lib/checkpoint/prune.ts';
import { answerPrune } from '../../../lib/client/answer-prune.ts';
import type { Region } from '../../../lib/client/region.ts';
import type { EntryKind } from '../../../lib/contract/journal-entry.ts';
import { type Manifest, manifestSchema } from '../../../lib/contract/manifest.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { defaultTimers } from '../../../lib/contract/timers.ts';
import type { Claim } from '../../../lib/journal/claim.ts';
import { resumeCandidates } from '../../../lib/journal/fold-checkpoints.ts';
import type { JobState } from '../../../lib/journal/job-state.ts';
import { MemoryJobQueue } from '../../../lib/queue/memory-job-queue.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { withMethods } from '../../support/with-methods.ts';
import { type Files, digestsOf, keysUnder, quickClock, save, text } from './files.ts';
import { jobId, openJob, operator, submitJob, takeOver } from './real-job.ts';

const checkpoints = objectKeys.checkpoints(jobId);
const keep = { last: 2, best: true, everySteps: 7 };
const by = 'ann';

/** What was put into each checkpoint. Who recovers uses ids that the history may use later, for other bytes. */
type Truth = Map<string, Files>;

/** Everything as it is before a write, and that write. */
interface Moment {
  readonly store: MemoryObjectStore;
  readonly what: string;
  readonly write: (target: ObjectStore) => Promise<unknown>;
}

async function copyOf(store: ObjectStore): Promise<MemoryObjectStore> {
  const copy = new MemoryObjectStore();
  for (const key of await keysUnder(store, 'jobs/')) {
    const object = await store.get(key);
    if (object !== undefined) await copy.put(key, object.body);
  }
  return copy;
}

/** Notes the moment before each write but those of hints, on which nothing rests. */
function noting(inner: MemoryObjectStore, moments: Moment[]): ObjectStore {
  const note = async (what: string, write: Moment['write']): Promise<void> => {
    if (!what.endsWith('state.json')) moments.push({ store: await copyOf(inner), what, write });
  };
  return withMethods<ObjectStore>(inner, {
    put: async (key, body, options) => {
      await note(`put ${key}`, (target) => target.put(key, body));
      return inner.put(key, body, options);
    },
    createIfAbsent: async (key, body, options) => {
      await note(`create ${key}`, (target) => target.createIfAbsent(key, body));
      return inner.createIfAbsent(key, body, options);
    },
    delete: async (keys, options) => {
      if (keys.length > 0) await note(`delete ${keys.join()}`, (target) => target.delete(keys));
      return inner.delete(keys, options);
    },
  });
}

interface Attempt {
  readonly claim: Claim;
  readonly parent: Manifest | undefined;
  readonly ordinal: number;
  readonly step: number;
}

async function manifestOf(store: ObjectStore, key: string, what: string): Promise<Manifest> {
  const object = await store.get(key);
  if (object === undefined) expect.fail(`${what}: ${key} is gone`);
  return manifestSchema.parse(JSON.parse(new TextDecoder().decode(object.body)));
}

/** One more process, which goes on from where a resume would begin. */
async function begin(store: ObjectStore): Promise<Attempt> {
  const claim = await takeOver(store);
  const [from] = resumeCandidates(claim.journal.state);
  await claim.append(() => ({
    kind: 'restored',
    checkpoint: from?.id ?? null,
    step: from?.step ?? 0,
    bytes: 0,
    elapsedMs: 0,
  }));
  const parent = from === undefined ? undefined : await manifestOf(store, from.manifest.key, 'the parent');
  return { claim, parent, ordinal: 0, step: from?.step ?? 0 };
}

/** Saves, commits, deletes what that dropped and, after the first commit, sweeps: as a worker does. */
async function saveNext(store: ObjectStore, attempt: Attempt, truth: Truth): Promise<Attempt> {
  const { claim, parent } = attempt;
  const [ordinal, step] = [attempt.ordinal + 1, attempt.step + 3];
  const files = {
    'frozen.bin': text('frozen'),
    'slow.bin': text(`slow ${step >> 3}`),
    'own.bin': text(`own ${claim.token} ${step}`),
    // Bytes that an older checkpoint, deleted by now, may have stored before.
    'back.bin': text(`back ${step % 4}`),
  };
  truth.set(`${claim.token}-${ordinal}-step${step}`, files);
  const best = step % 4 === 0 ? { metric: 'accuracy', value: step } : undefined;
  const { uploaded, drops } = await save({
    store,
    claim,
    files,
    ordinal,
    step,
    parent,
    keep,
    ...(best === undefined ? {} : { best }),
  });
  await deleteDropped(store, claim, drops);
  if (ordinal === 1) await sweepGarbage(claim, store);
  return { claim, parent: uploaded.manifest, ordinal, step };
}

function regionOf(store: ObjectStore): Region {
  const queue = new MemoryJobQueue({ clock: quickClock() });
  return {
    place: { store: store.uri, queue: queue.uri, origin: 'flags', timers: defaultTimers },
    store,
    timers: defaultTimers,
    clock: quickClock(),
    random: seededRandom(1),
    queue: () => Promise.resolve(queue),
    close: () => Promise.resolve(),
  };
}

const acts = [
  'save',
  'pin',
  'unpin',
  'fork',
  'prune',
  'prune without an owner',
  'roll back',
  'quarantine',
] as const;

/** A history in which every act occurs, among saves, in an order that the seed decides. */
async function live(store: ObjectStore, random: Random, truth: Truth): Promise<void> {
  const pick = <Item>(items: readonly Item[]): Item | undefined =>
    items[Math.floor(random.next() * items.length)];
  const goodbye = async ({ claim, step }: Attempt): Promise<void> => {
    await claim.append(() => ({ kind: 'released', cause: 'interrupted', step, message: 'notice' }));
  };
  await submitJob(store);
  let attempt = await begin(store);
  for (let count = 0; count < 3; count++) attempt = await saveNext(store, attempt, truth);
  for (const act of acts.toSorted(() => random.next() - 0.5)) {
    await attempt.claim.journal.refresh();
    const { state } = attempt.claim.journal;
    const [newest, ...older] = resumeCandidates(state);
    const checkpoint = pick(older)?.id ?? newest?.id ?? '';
    switch (act) {
      case 'save':
        break;
      case 'pin':
        await operator(store, { kind: 'pinned', checkpoint, by });
        break;
      case 'unpin': {
        const pinned = state.checkpoints.find((record) => record.pinned)?.id;
        if (pinned !== undefined) await operator(store, { kind: 'unpinned', checkpoint: pinned, by });
        break;
      }
      case 'fork':
        await operator(store, { kind: 'forked', checkpoint, child: 'child' });
        break;
      case 'prune':
        await operator(store, { kind: 'prune-requested', checkpoints: [checkpoint], by });
        await pruneRequested(attempt.claim, store);
        break;
      case 'prune without an owner':
        await goodbye(attempt);
        await operator(store, {
          kind: 'prune-requested',
          checkpoints: state.checkpoints.map(({ id }) => id),
          by,
        });
        await answerPrune(regionOf(store), await openJob(store), { ticket: 'operator', by });
        attempt = await begin(store);
        break;
      case 'roll back':
        await goodbye(attempt);
        await operator(store, { kind: 'resume-requested', by, from: checkpoint });
        attempt = await begin(store);
        break;
      case 'quarantine':
        if (older.length > 0)
          await operator(store, { kind: 'quarantined', checkpoint, chunks: [], why: 'said so' });
        if (older.length > 0 && random.next() < 0.5)
          await operator(store, { kind: 'quarantine-lifted', checkpoint, by });
        break;
    }
    attempt = await saveNext(store, attempt, truth);
  }
}

/** Every retained checkpoint holds the bytes that were put into it, a quarantined one too: nobody bent any here. */
async function expectWhole(store: ObjectStore, truths: readonly Truth[], what: string): Promise<JobState> {
  const { state } = await openJob(store);
  for (const { id, manifest } of state.checkpoints) {
    const found: Record<string, Uint8Array> = {};
    for (const { path, chunks } of (await manifestOf(store, manifest.key, what)).files) {
      const [chunk, ...more] = chunks;
      const object = await store.get(chunk?.key ?? '');
      if (object === undefined || more.length > 0) expect.fail(`${what}: ${chunk?.key} is gone`);
      found[path] = object.body;
    }
    const files = truths.map((truth) => truth.get(id)).find((each) => each !== undefined);
    expect(digestsOf(found), `${what}: ${id}`).toEqual(digestsOf(files ?? {}));
  }
  return state;
}

/** Who asked to keep something has it, by the entries alone. */
async function expectPromisesKept(store: ObjectStore, what: string): Promise<void> {
  const journal = await openJob(store);
  const promised = new Set<string>();
  for await (const entry of journal.entries()) {
    if (entry.kind === 'pinned') promised.add(entry.checkpoint);
    if (entry.kind === 'unpinned') promised.delete(entry.checkpoint);
    if (entry.kind === 'forked') promised.add(entry.checkpoint);
  }
  const retained = journal.state.checkpoints.map(({ id }) => id);
  expect(retained, what).toEqual(expect.arrayContaining([...promised]));
}

/** All that retained checkpoints need. */
async function neededKeys(
  store: ObjectStore,
  { checkpoints: records }: JobState,
): Promise<readonly string[]> {
  const manifests = await Promise.all(
    records.map(({ manifest }) => manifestOf(store, manifest.key, 'needed')),
  );
  const chunks = manifests.flatMap(({ files }) => files.flatMap((file) => file.chunks.map(({ key }) => key)));
  return [...new Set([...chunks, ...records.map(({ manifest }) => manifest.key)])].toSorted();
}

/** Two more claims, one after the other. What was under way when all died lands at turn `landsAt`, or never. */
async function recover(
  store: ObjectStore,
  options: {
    readonly truth: Truth;
    readonly what: string;
    readonly landsAt: number;
    readonly land: () => Promise<unknown>;
  },
): Promise<void> {
  const { truth, what, landsAt, land } = options;
  const since: Truth = new Map();
  const truths = [since, truth];
  const landIf = async (turn: number): Promise<void> => {
    if (turn === landsAt) await land();
  };
  await expectWhole(store, truths, `${what}, as it was left`);
  await landIf(0);
  const attempt = await begin(store);
  await landIf(1);
  await saveNext(store, attempt, since);
  await landIf(2);
  await pruneRequested(attempt.claim, store);
  await landIf(3);
  await expectWhole(store, truths, `${what}, after a claim`);
  await saveNext(store, await begin(store), since);
  const state = await expectWhole(store, truths, `${what}, the end`);
  await expectPromisesKept(store, what);
  // What a quarantined checkpoint stored itself stays until it is dropped, needed or not.
  const bad = state.checkpoints
    .filter(({ quarantined }) => quarantined !== undefined)
    .map(({ id }) => `${checkpoints}${id}/`);
  const isOfBad = (key: string): boolean => bad.some((prefix) => key.startsWith(prefix));
  const left = (await keysUnder(store, checkpoints)).filter((key) => !isOfBad(key));
  const needed = (await neededKeys(store, state)).filter((key) => !isOfBad(key));
  expect(left, `${what}: garbage`).toEqual(needed);
}

const turns = 4;

describe('a death of all processes at every write', () => {
  it.each([1, 2])('loses no kept byte, and the next claims clear up (seed %i)', async (seed) => {
    const moments: Moment[] = [];
    const truth: Truth = new Map();
    const whole = new MemoryObjectStore();
    const random = seededRandom(seed);
    await live(noting(whole, moments), random, truth);
    expect(moments.length).toBeGreaterThan(60);
    const kinds = new Set<EntryKind>();
    for await (const { kind } of (await openJob(whole)).entries()) kinds.add(kind);
    const wanted: EntryKind[] = ['pinned', 'forked', 'pruned', 'quarantined', 'resume-requested'];
    expect([...kinds]).toEqual(expect.arrayContaining(wanted));
    for (const [index, { store, what, write }] of moments.entries()) {
      // Before the submission there is nothing to recover. Each write is lost in one history and late in the next.
      if (index === 0) continue;
      const landsAt = (index + seed) % 2 === 0 ? -1 : Math.floor(random.next() * turns);
      const fate = landsAt < 0 ? 'which is lost' : `which lands at turn ${landsAt}`;
      const place = `seed ${seed}, death at write ${index} (${what}), ${fate}`;
      await recover(store, { truth, what: place, landsAt, land: () => write(store) });
    }
  });

  it('would be noticed if it lost one: the check sees a chunk that goes, and garbage that stays', async () => {
    const truth: Truth = new Map();
    const store = new MemoryObjectStore();
    await live(store, seededRandom(1), truth);
    const { state } = await openJob(store);
    const [needed = ''] = await neededKeys(store, state);
    const poorer = await copyOf(store);
    const lose = (): Promise<void> => poorer.delete([needed]);
    await expect(recover(poorer, { truth, what: 'lost', landsAt: 0, land: lose })).rejects.toThrow(/is gone/);
    const later = await copyOf(store);
    const late = `${checkpoints}999-1-step1/${'a'.repeat(64)}`;
    const litter = (): Promise<unknown> => later.put(late, text('x'));
    await expect(recover(later, { truth, what: 'left', landsAt: 0, land: litter })).rejects.toThrow(
      /garbage/,
    );
  });
});
