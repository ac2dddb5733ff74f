import { describe, expect, it } from 'vitest';
import {
  AccessDeniedError,
  InvariantError,
  messageOf,
  TransientError,
  UnfitError,
  UnknownFormatError,
} from '../../../lib/base/errors.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { JournalEntry } from '../../../lib/contract/journal-entry.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { type Journal, type NewEntry, openJournal } from '../../../lib/journal/journal.ts';
import { fold } from '../../../lib/journal/fold.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import {
  type Fault,
  FaultyObjectStore,
  type ScriptedFault,
} from '../../../proof/rehearsal/faulty-object-store.ts';
import { checkpointFacts, claimed, jobId, portsOf, submittedJournal } from '../../support/journal-world.ts';
import { recordingStore } from '../../support/recording-object-store.ts';

const ticketed = (by: string): NewEntry => ({ kind: 'ticketed', by, claim: null });
const slot = (sequence: number): string => objectKeys.journalEntry(jobId, sequence);

async function history(store: ObjectStore): Promise<JournalEntry[]> {
  const journal = await openJournal(portsOf(store), jobId);
  const entries: JournalEntry[] = [];
  for await (const entry of journal.entries()) entries.push(entry);
  return entries;
}

const kinds = async (store: ObjectStore): Promise<string[]> => (await history(store)).map(({ kind }) => kind);

function scripted(inner: ObjectStore, script: readonly ScriptedFault[]): FaultyObjectStore {
  return new FaultyObjectStore(inner, { random: seededRandom(3), script, lateCallsMax: 1 });
}

describe('a journal', () => {
  it('knows nothing of a job that was never submitted', async () => {
    const journal = await openJournal(portsOf(), jobId);
    expect(journal.state).toMatchObject({ jobId, sequence: 0 });
  });

  it('appends, claims, commits and reads back', async () => {
    const ports = portsOf();
    const journal = await submittedJournal(ports);
    const claim = await claimed(journal);
    await claim.append(() => ({ kind: 'restored', checkpoint: null, step: 0, bytes: 0, elapsedMs: 1 }));
    const { entry, state } = await claim.append(() =>
      checkpointFacts({ claim: claim.token, ordinal: 1, step: 10 }),
    );
    expect(entry).toMatchObject({ kind: 'checkpoint', sequence: 4, claim: 2, format: 1 });
    expect(state).toMatchObject({ sequence: 4, status: 'running', committed: 1, reachedStep: 10 });
    expect((await openJournal(ports, jobId)).state).toStrictEqual(state);
    expect(fold(await history(ports.store), jobId)).toStrictEqual(state);
  });

  it('fills the slot into a claim as its fencing token', async () => {
    const journal = await submittedJournal();
    const { token } = await claimed(journal);
    expect(token).toBe(2);
    expect(journal.state.newestClaim).toBe(2);
  });

  it('writes nothing when there is nothing to write', async () => {
    const store = new MemoryObjectStore();
    const journal = await submittedJournal(portsOf(store));
    const result = await journal.append(() => undefined);
    expect(result).toStrictEqual({ entry: undefined, state: journal.state });
    expect(await kinds(store)).toEqual(['submitted']);
  });

  it('decides again after every slot that another writer took', async () => {
    const store = new MemoryObjectStore();
    const slow = await submittedJournal(portsOf(store, 1));
    const quick = await openJournal(portsOf(store, 2), jobId);
    for (const by of ['a', 'b', 'c']) await quick.append(() => ticketed(by));
    const seen: number[] = [];
    const { entry } = await slow.append((state) => {
      seen.push(state.sequence);
      return ticketed(`after ${state.sequence}`);
    });
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(entry).toMatchObject({ sequence: 5, by: 'after 4' });
  });

  it('lets a decision change its mind, and writes nothing then', async () => {
    const store = new MemoryObjectStore();
    const slow = await submittedJournal(portsOf(store, 1));
    const quick = await openJournal(portsOf(store, 2), jobId);
    await quick.append(() => ticketed('quick'));
    const result = await slow.append((state) =>
      state.lastTicketedAt === null ? ticketed('slow') : undefined,
    );
    expect(result.entry).toBeUndefined();
    expect(await kinds(store)).toEqual(['submitted', 'ticketed']);
  });

  it('passes on what a decision throws, with nothing written', async () => {
    const journal = await submittedJournal();
    await expect(
      journal.append(() => {
        throw new RangeError('no');
      }),
    ).rejects.toThrow(RangeError);
    expect((await journal.refresh()).sequence).toBe(1);
  });

  it('never creates a slot beyond one that it has not folded', async () => {
    const inner = new MemoryObjectStore();
    await submittedJournal(portsOf(inner, 1));
    const store = recordingStore(inner);
    const slow = await openJournal(portsOf(store, 2), jobId);
    const quick = await openJournal(portsOf(inner, 3), jobId);
    for (const by of ['a', 'b']) await quick.append(() => ticketed(by));
    store.calls.length = 0;
    await slow.append(() => ticketed('slow'));
    const onSlots = store.calls.filter(({ key }) => key.includes('/journal/'));
    expect(onSlots).toEqual([
      { method: 'createIfAbsent', key: slot(2) },
      { method: 'get', key: slot(2) },
      { method: 'createIfAbsent', key: slot(3) },
      { method: 'get', key: slot(3) },
      { method: 'createIfAbsent', key: slot(4) },
    ]);
  });

  it('gives up after a limit when others are faster every time, and keeps what it has folded', async () => {
    const inner = new MemoryObjectStore();
    const journal = await submittedJournal(portsOf(inner, 1));
    const rival = await openJournal(portsOf(inner, 2), jobId);
    for (let count = 0; count < 300; count++) await rival.append(() => ticketed('rival'));
    await expect(journal.append(() => ticketed('slow'))).rejects.toThrow(/faster every time/);
    expect(journal.state.sequence).toBe(257);
    expect((await journal.append(() => ticketed('slow'))).entry?.sequence).toBe(302);
  });

  describe('under faults of a conditional write', () => {
    const faults: Fault[] = [
      'lost-answer',
      'refused',
      'unavailable',
      'lands-late',
      'repeated-late',
      'delayed',
    ];

    it.each(faults)('appends exactly once after `%s`', async (fault) => {
      const inner = new MemoryObjectStore();
      await submittedJournal(portsOf(inner, 1));
      const store = scripted(inner, [{ method: 'createIfAbsent', nth: 1, key: slot(2), fault }]);
      const journal = await openJournal(portsOf(store, 2), jobId);
      const { entry } = await journal.append(() => ticketed('once'));
      await journal.append(() => ticketed('twice'));
      await store.settle();
      expect(store.faults).toHaveLength(1);
      expect(entry).toMatchObject({ sequence: 2, by: 'once' });
      expect(await history(inner)).toMatchObject([{ kind: 'submitted' }, { by: 'once' }, { by: 'twice' }]);
    });

    it.each(faults)('appends exactly once after `%s` seven times over three slots', async (fault) => {
      const inner = new MemoryObjectStore();
      await submittedJournal(portsOf(inner, 1));
      const script = [1, 2, 3, 5, 6, 8, 9].map((nth) => ({
        method: 'createIfAbsent' as const,
        nth,
        key: '/journal/',
        fault,
      }));
      const store = scripted(inner, script);
      const journal = await openJournal(portsOf(store, 2), jobId);
      for (const by of ['a', 'b', 'c']) await journal.append(() => ticketed(by));
      await store.settle();
      expect(await history(inner)).toMatchObject([
        { kind: 'submitted' },
        { by: 'a' },
        { by: 'b' },
        { by: 'c' },
      ]);
    });

    it('reads the slot before it writes again, and finds its own entry by the nonce', async () => {
      const inner = new MemoryObjectStore();
      await submittedJournal(portsOf(inner, 1));
      const store = recordingStore(
        scripted(inner, [{ method: 'createIfAbsent', nth: 1, key: slot(2), fault: 'lost-answer' }]),
      );
      const journal = await openJournal(portsOf(store, 2), jobId);
      store.calls.length = 0;
      const { entry } = await journal.append(() => ticketed('mine'));
      expect(store.calls.slice(0, 2)).toEqual([
        { method: 'createIfAbsent', key: slot(2) },
        { method: 'get', key: slot(2) },
      ]);
      expect(entry).toMatchObject({ sequence: 2, by: 'mine' });
    });

    it('takes the other\u2019s entry for the other\u2019s after a lost answer', async () => {
      const inner = new MemoryObjectStore();
      await submittedJournal(portsOf(inner, 1));
      const rival = await openJournal(portsOf(inner, 2), jobId);
      const store = scripted(inner, [
        { method: 'createIfAbsent', nth: 1, key: slot(2), fault: 'unavailable' },
      ]);
      const ports = portsOf(store, 3);
      const journal = await openJournal(
        {
          ...ports,
          clock: { ...ports.clock, sleep: async () => void (await rival.append(() => ticketed('rival'))) },
        },
        jobId,
      );
      const { entry } = await journal.append((state) => ticketed(`after ${state.sequence}`));
      expect(entry).toMatchObject({ sequence: 3, by: 'after 2' });
      expect(await history(inner)).toMatchObject([{ kind: 'submitted' }, { by: 'rival' }, { by: 'after 2' }]);
    });

    it('finds its own entry when the lost write lands between two tries', async () => {
      const inner = new MemoryObjectStore();
      await submittedJournal(portsOf(inner, 1));
      // The first create is stuck on its way until the slot has been read as empty: the second one meets it.
      let stuck: (() => Promise<unknown>) | undefined;
      let isFirst = true;
      const calls: string[] = [];
      const store: ObjectStore = {
        ...recordingStore(inner),
        async createIfAbsent(key, body) {
          calls.push('create');
          if (key !== slot(2) || !isFirst) return inner.createIfAbsent(key, body);
          isFirst = false;
          stuck = async () => inner.createIfAbsent(key, body);
          throw new TransientError('timed out');
        },
        async get(key) {
          calls.push('get');
          const found = await inner.get(key);
          if (key === slot(2)) await stuck?.();
          return found;
        },
      };
      const journal = await openJournal(portsOf(store, 2), jobId);
      calls.length = 0;
      const { entry } = await journal.append(() => ticketed('mine'));
      expect(entry?.sequence).toBe(2);
      expect(calls.slice(0, 4)).toEqual(['create', 'get', 'create', 'get']);
      expect(await kinds(inner)).toEqual(['submitted', 'ticketed']);
    });

    it('waits with jitter between tries and gives up within its limit, the outcome unknown', async () => {
      const inner = new MemoryObjectStore();
      await submittedJournal(portsOf(inner, 1));
      const store = new FaultyObjectStore(inner, { random: seededRandom(1) });
      const ports = portsOf(store, 2);
      const journal = await openJournal(ports, jobId);
      store.rates = { unavailable: 1 };
      await expect(journal.append(() => ticketed('never'))).rejects.toThrow(TransientError);
      expect(ports.clock.slept).toHaveLength(6);
      const limits = [200, 400, 800, 1_600, 3_200, 6_400];
      expect(ports.clock.slept.every((ms, index) => ms >= 0 && ms < limits[index]!)).toBe(true);
      expect(new Set(ports.clock.slept).size).toBe(6);
      expect(journal.state.sequence).toBe(1);
    });

    it('meets its own late entry in the next append, after it had given up on it', async () => {
      const inner = new MemoryObjectStore();
      await submittedJournal(portsOf(inner, 1));
      const store = new FaultyObjectStore(inner, { random: seededRandom(1), lateCallsMax: 1_000 });
      const journal = await openJournal(portsOf(store, 2), jobId);
      store.rates = { 'lands-late': 1 };
      await expect(journal.append(() => ticketed('lost'))).rejects.toThrow(TransientError);
      store.rates = {};
      await store.settle();
      const seen: Array<string | null> = [];
      await journal.append((state) => {
        seen.push(state.lastTicketedAt);
        return state.lastTicketedAt === null ? ticketed('again') : undefined;
      });
      expect(seen[0]).toBeNull();
      expect(seen[1]).not.toBeNull();
      expect(await history(inner)).toMatchObject([{ kind: 'submitted' }, { by: 'lost' }]);
    });

    it('does not try again what is forbidden', async () => {
      const inner = new MemoryObjectStore();
      const journal = await submittedJournal(portsOf(inner, 1));
      let tries = 0;
      const store: ObjectStore = {
        ...recordingStore(inner),
        async createIfAbsent() {
          tries++;
          throw new AccessDeniedError('no');
        },
      };
      const barred = await openJournal(portsOf(store, 2), jobId);
      await expect(barred.append(() => ticketed('x'))).rejects.toThrow(AccessDeniedError);
      expect(tries).toBe(1);
      expect(journal.state.sequence).toBe(1);
    });

    it('stops waiting when it is aborted', async () => {
      const inner = new MemoryObjectStore();
      await submittedJournal(portsOf(inner, 1));
      const abort = new AbortController();
      const store = new FaultyObjectStore(inner, { random: seededRandom(1) });
      const ports = portsOf(store, 2);
      const clock = {
        ...ports.clock,
        async sleep(_: number, signal?: AbortSignal) {
          abort.abort(new Error('notice'));
          signal?.throwIfAborted();
        },
      };
      const journal = await openJournal({ ...ports, clock }, jobId);
      store.rates = { unavailable: 1 };
      await expect(journal.append(() => ticketed('x'), { signal: abort.signal })).rejects.toThrow('notice');
    });
  });

  describe('reading', () => {
    it('folds what others appended, on refresh', async () => {
      const store = new MemoryObjectStore();
      const journal = await submittedJournal(portsOf(store, 1));
      const other = await openJournal(portsOf(store, 2), jobId);
      for (const by of ['a', 'b']) await other.append(() => ticketed(by));
      expect((await journal.refresh()).sequence).toBe(3);
      expect(journal.state).toStrictEqual(other.state);
    });

    it('peeks with one request while nothing happens', async () => {
      const store = recordingStore(new MemoryObjectStore());
      const journal = await submittedJournal(portsOf(store));
      store.calls.length = 0;
      expect((await journal.peek()).sequence).toBe(1);
      expect(store.calls).toEqual([{ method: 'get', key: slot(2) }]);
    });

    it('folds every new slot when a peek finds one', async () => {
      const store = new MemoryObjectStore();
      const journal = await submittedJournal(portsOf(store, 1));
      const other = await openJournal(portsOf(store, 2), jobId);
      for (const by of ['a', 'b', 'c']) await other.append(() => ticketed(by));
      expect((await journal.peek()).sequence).toBe(4);
    });

    it('gives the whole history in order, or what follows a slot', async () => {
      const store = new MemoryObjectStore();
      const journal = await submittedJournal(portsOf(store));
      for (let count = 0; count < 40; count++) await journal.append(() => ticketed(`${count}`));
      const sequences = (await history(store)).map(({ sequence }) => sequence);
      expect(sequences).toEqual(Array.from({ length: 41 }, (_, index) => index + 1));
      const late: number[] = [];
      for await (const { sequence } of journal.entries({ after: 38 })) late.push(sequence);
      expect(late).toEqual([39, 40, 41]);
    });

    it('rides out reads that fail now and then', async () => {
      const inner = new MemoryObjectStore();
      await submittedJournal(portsOf(inner, 1));
      const store = scripted(inner, [
        { method: 'get', nth: 1, fault: 'unavailable' },
        { method: 'list', nth: 1, fault: 'unavailable' },
      ]);
      expect((await openJournal(portsOf(store, 2), jobId)).state.sequence).toBe(1);
      expect(store.faults).toHaveLength(2);
    });

    it('does not see the neighbour whose id begins like ours', async () => {
      const ports = portsOf();
      await submittedJournal(ports, 'job-10');
      await submittedJournal(ports, 'job-1-1');
      expect((await openJournal(ports, 'job-1')).state.sequence).toBe(0);
      const journal = await submittedJournal(ports, 'job-1');
      await journal.append(() => ticketed('mine'));
      expect((await openJournal(ports, 'job-10')).state.sequence).toBe(1);
      expect((await openJournal(ports, 'job-1')).state.sequence).toBe(2);
    });

    it('passes over objects that are no slots', async () => {
      const ports = portsOf();
      const journal = await submittedJournal(ports);
      await ports.store.put(`${objectKeys.journal(jobId)}note.txt`, new TextEncoder().encode('by hand'));
      expect((await journal.refresh()).sequence).toBe(1);
    });

    it('names a newer format and refuses to go on', async () => {
      const ports = portsOf();
      const journal = await submittedJournal(ports);
      await ports.store.put(slot(2), new TextEncoder().encode('{"format":3,"kind":"something-new"}'));
      for (const read of [
        async () => openJournal(ports, jobId),
        async () => journal.peek(),
        async () => journal.append(() => ticketed('x')),
      ]) {
        await expect(read()).rejects.toThrow(UnknownFormatError);
      }
    });

    it.each([
      ['is not JSON', 'torn{'],
      ['is of no known kind', '{"format":1,"sequence":2,"kind":"nonsense"}'],
    ])('reports a slot that %s as a fault of the store, not as a damaged checkpoint', async (_, text) => {
      const ports = portsOf();
      await submittedJournal(ports);
      await ports.store.put(slot(2), new TextEncoder().encode(text));
      const error: unknown = await openJournal(ports, jobId).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UnfitError);
      expect(error).toHaveProperty('remedy', 'reject');
      expect(messageOf(error)).toContain(slot(2));
    });

    it('reports a slot that holds another slot\u2019s entry', async () => {
      const ports = portsOf();
      await submittedJournal(ports);
      const first = await ports.store.get(slot(1));
      await ports.store.put(slot(2), first!.body);
      await expect(openJournal(ports, jobId)).rejects.toThrow(/says that it is slot 1/);
    });

    it('reports a slot that is missing although later ones exist', async () => {
      const ports = portsOf();
      const journal = await submittedJournal(ports);
      for (const by of ['a', 'b', 'c']) await journal.append(() => ticketed(by));
      await ports.store.delete([slot(2), objectKeys.stateHint(jobId)]);
      await expect(openJournal(ports, jobId)).rejects.toThrow(UnfitError);
    });
  });

  describe('guarding its rules', () => {
    it('refuses an entry that would break one, with nothing written', async () => {
      const store = recordingStore(new MemoryObjectStore());
      const journal = await submittedJournal(portsOf(store));
      store.calls.length = 0;
      const zombie = journal.append(() => ({
        ...checkpointFacts({ claim: 7, ordinal: 1, step: 1 }),
        claim: 7,
      }));
      await expect(zombie).rejects.toThrow(InvariantError);
      expect(store.calls).toEqual([]);
    });

    it('refuses facts that no reader could take', async () => {
      const journal = await submittedJournal();
      const claim = await claimed(journal);
      const noNumber = claim.append(() => ({ kind: 'paused', step: Number.NaN }));
      await expect(noNumber).rejects.toThrow(/does not fit its format/);
      expect((await journal.refresh()).sequence).toBe(2);
    });

    it('stays usable after a refused entry', async () => {
      const journal = await submittedJournal();
      await expect(journal.append(() => ({ kind: 'paused', step: 1, claim: null }))).rejects.toThrow(
        InvariantError,
      );
      expect((await journal.append(() => ticketed('x'))).entry?.sequence).toBe(2);
    });
  });

  describe('at one moment', () => {
    it('lets calls take turns, so that appends made at once do not meet themselves', async () => {
      const inner = new MemoryObjectStore();
      const store = new FaultyObjectStore(inner, { random: seededRandom(5), rates: { delayed: 1 } });
      const journal: Journal = await submittedJournal(portsOf(store));
      const by = Array.from({ length: 8 }, (_, index) => `writer ${index}`);
      await Promise.all([
        ...by.map(async (name) => journal.append(() => ticketed(name))),
        journal.peek(),
        journal.refresh(),
      ]);
      expect(
        (await history(inner)).slice(1).map((entry) => (entry.kind === 'ticketed' ? entry.by : '')),
      ).toEqual(by);
      expect(store.calls.createIfAbsent).toBe(10);
    });

    it('takes the store\u2019s time for its entries, whatever its own clock says', async () => {
      const storeClock = portsOf().clock;
      const store = new MemoryObjectStore({ clock: storeClock });
      const ports = portsOf(store);
      ports.clock.pass(-3 * 3_600_000);
      const journal = await submittedJournal(ports);
      const { entry } = await journal.append(() => ticketed('x'));
      expect(entry?.at).toBe(storeClock.now().toISOString());
    });
  });
});
