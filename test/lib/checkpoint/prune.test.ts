import { describe, expect, it } from 'vitest';
import { ConflictError, CorruptionError, FencedError, TransientError } from '../../../lib/base/errors.ts';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { type Random, seededRandom } from '../../../lib/base/random.ts';
import { deleteDropped, pruneRequested, sweepGarbage } from '../../../lib/checkpoint/prune.ts';
import type { KeepPolicySpec } from '../../../lib/contract/job-spec.ts';
import { type Manifest, manifestSchema } from '../../../lib/contract/manifest.ts';
import type { Claim } from '../../../lib/journal/claim.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { FaultyObjectStore } from '../../../proof/rehearsal/faulty-object-store.ts';
import { type Files, digestsIn, digestsOf, keysUnder, restore, save, text } from './files.ts';
import { jobId, openJob, operator, submitJob, takeOver } from './real-job.ts';

const checkpoints = `jobs/${jobId}/checkpoints/`;
const keepLast = (last: number): KeepPolicySpec => ({ last, best: true });

async function submitted(): Promise<MemoryObjectStore> {
  const store = new MemoryObjectStore();
  await submitJob(store);
  return store;
}

/** Every retained good checkpoint, read back from the store and compared with what was saved under its id. */
async function expectWhole(
  store: ObjectStore,
  saved: ReadonlyMap<string, Files>,
  what: string,
): Promise<void> {
  const { state } = await openJob(store);
  for (const record of state.checkpoints.filter(({ quarantined }) => quarantined === undefined)) {
    const manifest = manifestSchema.parse(JSON.parse(await textAt(store, record.manifest.key, what)));
    const files: Record<string, Uint8Array> = {};
    for (const file of manifest.files) {
      const parts: Buffer[] = [];
      for (const chunk of file.chunks) parts.push(Buffer.from(await bodyAt(store, chunk.key, what)));
      files[file.path] = Buffer.concat(parts);
    }
    expect(digestsOf(files), `${what}: ${record.id}`).toEqual(digestsOf(saved.get(record.id)!));
  }
}

async function bodyAt(store: ObjectStore, key: string, what: string): Promise<Uint8Array> {
  const object = await store.get(key);
  if (object === undefined) expect.fail(`${what}: ${key} is gone`);
  return object.body;
}

async function textAt(store: ObjectStore, key: string, what: string): Promise<string> {
  return new TextDecoder().decode(await bodyAt(store, key, what));
}

/** What retained checkpoints need, to compare with what is there. */
async function neededKeys(store: ObjectStore): Promise<readonly string[]> {
  const { state } = await openJob(store);
  const needed = new Set<string>();
  for (const record of state.checkpoints) {
    needed.add(record.manifest.key);
    const manifest = manifestSchema.parse(JSON.parse(await textAt(store, record.manifest.key, 'needed')));
    for (const file of manifest.files) for (const chunk of file.chunks) needed.add(chunk.key);
  }
  return [...needed].toSorted();
}

describe('deleting what was dropped', () => {
  it('deletes what nobody else names, and keeps the chunks that a retained manifest still names', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    const files = { 'frozen.bin': text('frozen'), 'own.bin': text('one') };
    const first = await save({ store, claim, files, ordinal: 1, step: 1, keep: keepLast(1) });
    const next = { 'frozen.bin': text('frozen'), 'own.bin': text('two') };
    const second = await save({
      store,
      claim,
      files: next,
      ordinal: 2,
      step: 2,
      parent: first.uploaded.manifest,
      keep: keepLast(1),
    });

    expect(await deleteDropped(store, claim, second.drops)).toBe(2);

    const prefix = `${checkpoints}${first.record.id}/`;
    expect(await keysUnder(store, prefix)).toEqual([`${prefix}${sha256Hex('frozen')}`]);
    expect(digestsIn((await restore(store, claim)).dir)).toEqual(digestsOf(next));
  });

  it('deletes a chunk under an older checkpoint when the last one that named it goes', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    let parent: Manifest | undefined;
    for (const [index, content] of ['shared', 'shared', 'other'].entries()) {
      const files = { 'a.bin': text(content) };
      const { uploaded, drops } = await save({
        store,
        claim,
        files,
        ordinal: index + 1,
        step: index,
        parent,
        keep: keepLast(1),
      });
      parent = uploaded.manifest;
      await deleteDropped(store, claim, drops);
    }
    expect(await keysUnder(store, checkpoints)).toEqual(await neededKeys(store));
  });

  it('refuses to delete what the journal retains', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    const { record } = await save({ store, claim, files: { 'a.bin': text('a') }, ordinal: 1, step: 1 });
    await expect(deleteDropped(store, claim, [record.id])).rejects.toThrow(/after the entry that dropped it/);
  });

  it('is refused to one who no longer owns the job', async () => {
    const store = await submitted();
    const zombie = await takeOver(store);
    const { record } = await save({
      store,
      claim: zombie,
      files: { 'a.bin': text('a') },
      ordinal: 1,
      step: 1,
      keep: keepLast(1),
    });
    const { drops } = await save({
      store,
      claim: zombie,
      files: { 'a.bin': text('b') },
      ordinal: 2,
      step: 2,
      keep: keepLast(1),
    });
    expect(drops).toEqual([record.id]);
    await takeOver(store);
    const before = await keysUnder(store, checkpoints);
    await expect(deleteDropped(store, zombie, drops)).rejects.toBeInstanceOf(FencedError);
    await expect(sweepGarbage(zombie, store)).rejects.toBeInstanceOf(FencedError);
    expect(await keysUnder(store, checkpoints)).toEqual(before);
  });

  it('deletes nothing when it cannot tell what a good checkpoint needs', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    await save({ store, claim, files: { 'a.bin': text('a') }, ordinal: 1, step: 1, keep: keepLast(1) });
    const { uploaded, drops } = await save({
      store,
      claim,
      files: { 'a.bin': text('b') },
      ordinal: 2,
      step: 2,
      keep: keepLast(1),
    });
    await store.put(uploaded.ref.key, text('bent'));
    const before = await keysUnder(store, checkpoints);
    await expect(deleteDropped(store, claim, drops)).rejects.toBeInstanceOf(CorruptionError);
    await expect(sweepGarbage(claim, store)).rejects.toBeInstanceOf(CorruptionError);
    expect(await keysUnder(store, checkpoints)).toEqual(before);
  });

  it('goes on after a quarantined checkpoint whose manifest cannot be read was dropped', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    const first = await save({
      store,
      claim,
      files: { 'a.bin': text('a') },
      ordinal: 1,
      step: 1,
      keep: keepLast(1),
    });
    const bad = await save({
      store,
      claim,
      files: { 'a.bin': text('bad') },
      ordinal: 2,
      step: 2,
      keep: keepLast(2),
    });
    await store.put(bad.uploaded.ref.key, text('bent'));
    const next = await takeOver(store);
    await restore(store, next);
    const newest = await save({
      store,
      claim: next,
      files: { 'a.bin': text('c') },
      ordinal: 1,
      step: 2,
      keep: keepLast(1),
    });
    expect(newest.drops).toEqual([first.record.id, bad.record.id]);
    await operator(store, { kind: 'pinned', checkpoint: newest.record.id, by: 'ann' });
    await deleteDropped(store, next, newest.drops);
    expect(await keysUnder(store, checkpoints)).toEqual(await neededKeys(store));
  });

  it('is not held up by a quarantined checkpoint, and leaves what that one stored', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    await save({ store, claim, files: { 'a.bin': text('a') }, ordinal: 1, step: 1 });
    const bad = await save({ store, claim, files: { 'a.bin': text('bad') }, ordinal: 2, step: 2 });
    await store.put(bad.uploaded.ref.key, text('bent'));
    const next = await takeOver(store);
    expect(await restore(store, next)).toMatchObject({ record: { step: 1 } });
    await save({ store, claim: next, files: { 'a.bin': text('c') }, ordinal: 1, step: 2 });

    expect(await sweepGarbage(next, store)).toBe(0);

    expect(await keysUnder(store, `${checkpoints}${bad.record.id}/`)).toHaveLength(2);
  });

  it('never sees the neighbour job-10 of job-1', async () => {
    const store = await submitted();
    const neighbour = 'jobs/job-10/checkpoints/2-1-step1/manifest.json';
    await store.put(neighbour, text('{}'));
    const owner = await takeOver(store);
    await takeOver(store);
    const newest = await takeOver(store);
    expect(newest.token).toBeGreaterThan(owner.token);
    await sweepGarbage(newest, store);
    expect(await store.head(neighbour)).toBeDefined();
  });
});

describe('the sweep', () => {
  it('deletes what older claims left, and touches neither its own keys nor newer ones nor what it cannot read', async () => {
    const store = await submitted();
    const zombie = await takeOver(store);
    const claim = await takeOver(store);
    const key = (token: number, name: string): string => `${checkpoints}${token}-7-step70/${name}`;
    const kept = [
      key(claim.token, sha256Hex('upload in flight')),
      key(claim.token + 1, sha256Hex('newer')),
      `${checkpoints}some-later-layout/object`,
    ];
    const garbage = [key(zombie.token, sha256Hex('zombie')), key(zombie.token, 'manifest.json')];
    for (const each of [...kept, ...garbage]) await store.put(each, text('x'));
    expect(await sweepGarbage(claim, store)).toBe(2);
    expect(await keysUnder(store, checkpoints)).toEqual(kept.toSorted());
  });

  it('reads page after page', async () => {
    const store = await submitted();
    const zombie = await takeOver(store);
    for (let index = 0; index < 2_500; index++)
      await store.put(`${checkpoints}${zombie.token}-1-step1/${index}`, text(''));
    expect(await sweepGarbage(await takeOver(store), store)).toBe(2_500);
    expect(await keysUnder(store, checkpoints)).toEqual([]);
  });
});

describe('a request to prune', () => {
  it('is answered with what may go, and the rest stays', async () => {
    const store = await submitted();
    const claim = await takeOver(store);
    const saved: string[] = [];
    for (const ordinal of [1, 2, 3]) {
      saved.push(
        (await save({ store, claim, files: { 'a.bin': text(`${ordinal}`) }, ordinal, step: ordinal })).record
          .id,
      );
    }
    await operator(store, { kind: 'pinned', checkpoint: saved[0]!, by: 'ann' });
    await operator(store, { kind: 'prune-requested', checkpoints: saved, by: 'ann' });
    expect(await pruneRequested(claim, store)).toEqual([saved[1]]);
    expect(claim.journal.state.checkpoints.map(({ id }) => id)).toEqual([saved[0], saved[2]]);
    expect(await keysUnder(store, checkpoints)).toEqual(await neededKeys(store));
    expect(await pruneRequested(claim, store)).toEqual([]);
  });
});

/** A process that dies at its `deathAt`-th request to the store: nothing that it asks for from then on happens. */
function mortal(inner: ObjectStore, deathAt: number): ObjectStore & { readonly calls: () => number } {
  let calls = 0;
  const alive =
    <Arguments extends readonly unknown[], Result>(act: (...all: Arguments) => Promise<Result>) =>
    async (...all: Arguments): Promise<Result> => {
      if (++calls >= deathAt) throw new Error('the process is dead');
      return act(...all);
    };
  return {
    uri: inner.uri,
    calls: () => calls,
    get: alive((key, options) => inner.get(key, options)),
    head: alive((key, options) => inner.head(key, options)),
    put: alive((key, body, options) => inner.put(key, body, options)),
    createIfAbsent: alive((key, body, options) => inner.createIfAbsent(key, body, options)),
    replaceIfMatch: alive((key, body, options) => inner.replaceIfMatch(key, body, options)),
    copy: alive((from, to, options) => inner.copy(from, to, options)),
    list: alive((prefix, options) => inner.list(prefix, options)),
    delete: alive((keys, options) => inner.delete(keys, options)),
    close: async () => {},
  };
}

/** Save, commit with drops, delete, sweep: over shared and own chunks, after another claim's leftovers. */
async function liveAndSave(store: ObjectStore, saved: Map<string, Files>): Promise<void> {
  const claim = await takeOver(store);
  const { state } = claim.journal;
  const newest = state.checkpoints.at(-1);
  let parent =
    newest === undefined
      ? undefined
      : manifestSchema.parse(JSON.parse(await textAt(store, newest.manifest.key, 'parent')));
  const base = newest?.step ?? 0;
  for (const ordinal of [1, 2, 3]) {
    const files = {
      'frozen.bin': text('frozen'),
      'slow.bin': text(`slow ${(base + ordinal) >> 1}`),
      'own.bin': text(`own ${base + ordinal}`),
    };
    saved.set(`${claim.token}-${ordinal}-step${base + ordinal}`, files);
    const { uploaded, drops } = await save({
      store,
      claim,
      files,
      ordinal,
      step: base + ordinal,
      parent,
      keep: keepLast(2),
    });
    parent = uploaded.manifest;
    await deleteDropped(store, claim, drops);
    if (ordinal === 1) await sweepGarbage(claim, store);
  }
}

describe('a death at each request to the store', () => {
  it(
    'leaves every retained checkpoint whole, and the next claim clears up',
    { timeout: 60_000 },
    async () => {
      let deaths = 0;
      for (let deathAt = 1; ; deathAt++) {
        const store = await submitted();
        const saved = new Map<string, Files>();
        await liveAndSave(store, saved);
        const dying = mortal(store, deathAt);
        const survived = await liveAndSave(dying, saved).then(
          () => true,
          (error: unknown) => {
            if (!String(error).includes('the process is dead')) throw error;
            return false;
          },
        );
        await expectWhole(store, saved, `death at request ${deathAt}`);
        await liveAndSave(store, saved);
        await expectWhole(store, saved, `after a death at request ${deathAt}`);
        expect(await keysUnder(store, checkpoints), `garbage after a death at request ${deathAt}`).toEqual(
          await neededKeys(store),
        );
        if (survived) break;
        deaths++;
      }
      expect(deaths).toBeGreaterThan(40);
    },
  );
});

/** A job's life: saves, take-overs, zombies, pins, forks, requests, quarantines, in an order that a seed decides. */
class History {
  readonly saved = new Map<string, Files>();
  readonly #store: ObjectStore;
  readonly #random: Random;
  readonly #keep: KeepPolicySpec;
  readonly #zombies: Attempt[] = [];
  #owner: Attempt | undefined;

  constructor(store: ObjectStore, random: Random) {
    this.#store = store;
    this.#random = random;
    const every = this.#pick(undefined, 3, 10);
    this.#keep = {
      last: this.#pick(1, 2, 3),
      best: true,
      ...(every === undefined ? {} : { everySteps: every }),
    };
  }

  async takeOver(): Promise<void> {
    if (this.#owner !== undefined) {
      this.#zombies.push(this.#owner);
      await this.#release(this.#owner);
    }
    const claim = await takeOver(this.#store);
    const restored = await restore(this.#store, claim);
    if (restored.outcome === 'restored') {
      expect(digestsIn(restored.dir)).toEqual(digestsOf(this.saved.get(restored.record.id)!));
      this.#owner = { claim, ordinal: 0, step: restored.record.step, parent: restored.manifest };
    } else this.#owner = { claim, ordinal: 0, step: 0, parent: undefined };
  }

  async save(): Promise<void> {
    const attempt = this.#owner!;
    const isFirst = attempt.ordinal === 0;
    const drops = await this.#saveAs(attempt);
    // Now and then the process dies right after its commit; the sweep of a later claim has to make up for it.
    if (this.#chance(0.8)) await deleteDropped(this.#store, attempt.claim, drops);
    if (isFirst && this.#chance(0.8)) await sweepGarbage(attempt.claim, this.#store);
  }

  async zombie(): Promise<void> {
    const attempt = this.#pick(...this.#zombies);
    if (attempt === undefined) return;
    await expect(this.#saveAs(attempt), 'a zombie commits').rejects.toBeInstanceOf(FencedError);
    await expect(sweepGarbage(attempt.claim, this.#store)).rejects.toBeInstanceOf(FencedError);
  }

  async operate(): Promise<void> {
    const { state } = await openJob(this.#store);
    const record = this.#pick(...state.checkpoints);
    if (record === undefined) return;
    const checkpoint = record.id;
    switch (this.#pick('pin', 'unpin', 'fork', 'prune', 'quarantine')) {
      case 'pin':
        return operator(this.#store, { kind: 'pinned', checkpoint, by: 'ann' });
      case 'unpin':
        return operator(this.#store, { kind: 'unpinned', checkpoint, by: 'ann' });
      case 'fork':
        if (record.quarantined === undefined)
          await operator(this.#store, { kind: 'forked', checkpoint, child: 'child' });
        return;
      case 'prune':
        await operator(this.#store, { kind: 'prune-requested', checkpoints: [checkpoint], by: 'ann' });
        await pruneRequested(this.#owner!.claim, this.#store);
        return;
      case 'quarantine':
        if (record !== state.checkpoints.find(({ quarantined }) => quarantined === undefined)) {
          await operator(this.#store, { kind: 'quarantined', checkpoint, chunks: [], why: 'said so' });
        }
        return;
    }
  }

  async act(): Promise<void> {
    const roll = this.#random.next();
    if (roll < 0.5) await this.save();
    else if (roll < 0.65) await this.takeOver();
    else if (roll < 0.8) await this.zombie();
    else await this.operate();
  }

  /** A last claim that saves, deletes and sweeps without a fault. */
  async tidyUp(): Promise<void> {
    await this.takeOver();
    const attempt = this.#owner!;
    const drops = await this.#saveAs(attempt);
    await deleteDropped(this.#store, attempt.claim, drops);
    await sweepGarbage(attempt.claim, this.#store);
  }

  /** Most attempts end in silence. Too many in a row without progress would fail the job, so that one says goodbye. */
  async #release({ claim, step }: Attempt): Promise<void> {
    const { strikes } = await claim.journal.refresh();
    if (strikes.total < 3) return;
    await claim.append(() => ({ kind: 'released', cause: 'interrupted', step, message: 'notice' }));
  }

  async #saveAs(attempt: Attempt): Promise<readonly string[]> {
    attempt.step += Math.floor(this.#random.next() * 4);
    // A small pool, so that contents return which an older, perhaps deleted, checkpoint once stored.
    const files: Files = Object.fromEntries(
      ['a', 'b', 'c', 'd'].map((path) => [path, text(`${path} ${Math.floor(this.#random.next() * 3)}`)]),
    );
    try {
      return await this.#saveFiles(attempt, files);
    } catch (error) {
      // Its parent was pruned or quarantined while it was saved: once more, with everything of its own.
      if (!(error instanceof ConflictError)) throw error;
      attempt.parent = undefined;
      return await this.#saveFiles(attempt, files);
    }
  }

  async #saveFiles(attempt: Attempt, files: Files): Promise<readonly string[]> {
    const { claim, step, parent } = attempt;
    const ordinal = ++attempt.ordinal;
    this.saved.set(`${claim.token}-${ordinal}-step${step}`, files);
    const { uploaded, drops } = await save({
      store: this.#store,
      claim,
      files,
      ordinal,
      step,
      parent,
      keep: this.#keep,
    });
    attempt.parent = uploaded.manifest;
    return drops;
  }

  #chance(probability: number): boolean {
    return this.#random.next() < probability;
  }

  #pick<Item>(...items: readonly Item[]): Item {
    return items[Math.floor(this.#random.next() * items.length)]!;
  }
}

interface Attempt {
  readonly claim: Claim;
  ordinal: number;
  step: number;
  parent: Manifest | undefined;
}

describe('random histories', () => {
  it.each(Array.from({ length: 20 }, (_, seed) => seed))(
    'keep every retained checkpoint whole and leave no garbage (seed %i)',
    async (seed) => {
      const store = await submitted();
      const history = new History(store, seededRandom(seed));
      await history.takeOver();
      for (let round = 0; round < 25; round++) {
        await history.act();
        await expectWhole(store, history.saved, `seed ${seed}, round ${round}`);
      }
      await history.tidyUp();
      await expectWhole(store, history.saved, `seed ${seed}, the end`);
      expect(await keysUnder(store, checkpoints)).toEqual(await neededKeys(store));
    },
  );
});

describe('random histories on a bad network', () => {
  it.each(Array.from({ length: 12 }, (_, seed) => seed))(
    'keep every retained checkpoint whole, though writes and deletes land late (seed %i)',
    async (seed) => {
      const inner = await submitted();
      const random = seededRandom(1_000 + seed);
      const store = new FaultyObjectStore(inner, { random });
      const history = new History(store, random);
      await history.takeOver();
      store.rates = { 'lost-answer': 0.03, unavailable: 0.03, 'lands-late': 0.03, 'repeated-late': 0.1 };
      for (let round = 0; round < 25; round++) {
        // Deleting does not retry: what it leaves is the next claim's.
        await history.act().catch((error: unknown) => {
          if (!(error instanceof TransientError)) throw error;
        });
        await expectWhole(inner, history.saved, `seed ${seed}, round ${round}`);
      }
      store.rates = {};
      await store.settle();
      await expectWhole(inner, history.saved, `seed ${seed}, after the late writes`);
      await history.tidyUp();
      await expectWhole(inner, history.saved, `seed ${seed}, the end`);
      expect(await keysUnder(inner, checkpoints)).toEqual(await neededKeys(inner));
    },
  );
});

function expectFenced(error: unknown): void {
  expect(error).toBeInstanceOf(FencedError);
}

describe('an owner that is overtaken while it deletes', () => {
  it('deletes nothing that the new owner builds upon, at whatever request that happens', async () => {
    for (let overtakenAt = 1; ; overtakenAt++) {
      const store = await submitted();
      const saved = new Map<string, Files>();
      const owner = await takeOver(store);
      let calls = 0;
      let watching = false;
      let overtaken = false;
      const overtake = async (): Promise<void> => {
        if (!watching || overtaken || ++calls < overtakenAt) return;
        overtaken = true;
        const next = await takeOver(store);
        const restored = await restore(store, next);
        if (restored.outcome !== 'restored') throw new Error('there is a checkpoint');
        const files = { 'frozen.bin': text('frozen'), 'own.bin': text('next') };
        const step = restored.record.step + 1;
        saved.set(`${next.token}-1-step${step}`, files);
        await save({
          store,
          claim: next,
          files,
          ordinal: 1,
          step,
          parent: restored.manifest,
          keep: keepLast(1),
        });
      };
      const watched = interrupted(store, overtake);
      let parent: Manifest | undefined;
      let drops: readonly string[] = [];
      for (const ordinal of [1, 2]) {
        const files = { 'frozen.bin': text('frozen'), 'own.bin': text(`own ${ordinal}`) };
        saved.set(`${owner.token}-${ordinal}-step${ordinal}`, files);
        const done = await save({
          store,
          claim: owner,
          files,
          ordinal,
          step: ordinal,
          parent,
          keep: keepLast(1),
        });
        parent = done.uploaded.manifest;
        drops = done.drops;
      }
      watching = true;
      await deleteDropped(watched, owner, drops).catch(expectFenced);
      await sweepGarbage(owner, watched).catch(expectFenced);
      watching = false;
      await expectWhole(store, saved, `overtaken at request ${overtakenAt}`);
      if (!overtaken) break;
      expect(overtakenAt).toBeLessThan(50);
    }
  });
});

/** Lets `meanwhile` happen before each request. */
function interrupted(inner: ObjectStore, meanwhile: () => Promise<void>): ObjectStore {
  const after =
    <Arguments extends readonly unknown[], Result>(act: (...all: Arguments) => Promise<Result>) =>
    async (...all: Arguments): Promise<Result> => {
      await meanwhile();
      return act(...all);
    };
  return {
    uri: inner.uri,
    get: after((key, options) => inner.get(key, options)),
    head: after((key, options) => inner.head(key, options)),
    put: after((key, body, options) => inner.put(key, body, options)),
    createIfAbsent: after((key, body, options) => inner.createIfAbsent(key, body, options)),
    replaceIfMatch: after((key, body, options) => inner.replaceIfMatch(key, body, options)),
    copy: after((from, to, options) => inner.copy(from, to, options)),
    list: after((prefix, options) => inner.list(prefix, options)),
    delete: after((keys, options) => inner.delete(keys, options)),
    close: async () => {},
  };
}
