import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AccessDeniedError } from '../../../lib/base/errors.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { encodeDocument } from '../../../lib/contract/parse-document.ts';
import { fold } from '../../../lib/journal/fold.ts';
import { resumeCandidates } from '../../../lib/journal/fold-checkpoints.ts';
import type { JobState } from '../../../lib/journal/job-state.ts';
import { jobStateSchema } from '../../../lib/journal/job-state-schema.ts';
import { openJournal } from '../../../lib/journal/journal.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { FaultyObjectStore } from '../../../proof/rehearsal/faulty-object-store.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { checkpointFacts, claimed, jobId, portsOf, submittedJournal } from '../../support/journal-world.ts';
import { recordingStore } from '../../support/recording-object-store.ts';

const hintKey = objectKeys.stateHint(jobId);

const hintSchema = z.object({
  format: z.number(),
  foldVersion: z.number(),
  sequence: z.number(),
  etag: z.string(),
  state: jobStateSchema,
});
type HintDocument = z.infer<typeof hintSchema>;

async function hintIn(store: ObjectStore): Promise<HintDocument> {
  const stored = await store.get(hintKey);
  return hintSchema.parse(JSON.parse(new TextDecoder().decode(stored!.body)));
}

async function putHint(store: ObjectStore, hint: object): Promise<void> {
  await store.put(hintKey, encodeDocument(hint));
}

/** A job whose history is `length` entries long and whose last three checkpoints are retained. */
async function longHistory(store: ObjectStore, length: number): Promise<void> {
  const journal = await submittedJournal(portsOf(store));
  const claim = await claimed(journal);
  await claim.append(() => ({ kind: 'restored', checkpoint: null, step: 0, bytes: 0, elapsedMs: 1 }));
  for (let ordinal = 1; journal.state.sequence < length; ordinal++) {
    await claim.append((state) => {
      const drops = state.checkpoints.slice(0, -2).map(({ id }) => id);
      return checkpointFacts({ claim: claim.token, ordinal, step: ordinal * 10, drops });
    });
  }
}

async function foldFromOne(store: ObjectStore): Promise<JobState> {
  const journal = await openJournal(portsOf(store), jobId);
  const entries = [];
  for await (const entry of journal.entries()) entries.push(entry);
  return fold(entries, jobId);
}

describe('the hint', () => {
  it.each([10, 1_000])('makes the newest checkpoint cost the same with %i entries', async (length) => {
    const inner = new MemoryObjectStore();
    await longHistory(inner, length);
    const store = recordingStore(inner);
    const { state } = await openJournal(portsOf(store), jobId);
    const [newest] = resumeCandidates(state);
    await store.get(newest!.manifest.key);
    expect(state.sequence).toBe(length);
    expect(store.calls.map(({ method }) => method)).toEqual(['get', 'list', 'get']);
    expect(state).toStrictEqual(await foldFromOne(inner));
  });

  it('costs one request more for each entry that it does not know yet, within five for two of them', async () => {
    const inner = new MemoryObjectStore();
    await longHistory(inner, 30);
    const old = await hintIn(inner);
    const journal = await openJournal(portsOf(inner), jobId);
    for (const by of ['a', 'b']) await journal.append(() => ({ kind: 'ticketed', by, claim: null }));
    await putHint(inner, old);
    const store = recordingStore(inner);
    const { state } = await openJournal(portsOf(store), jobId);
    await store.get(state.checkpoints.at(-1)!.manifest.key);
    expect(state).toStrictEqual(journal.state);
    expect(store.calls).toHaveLength(5);
  });

  it('holds the state after its slot, with the ETag of the entry there', async () => {
    const store = new MemoryObjectStore();
    await longHistory(store, 12);
    const hint = await hintIn(store);
    const entry = await store.head(objectKeys.journalEntry(jobId, 12));
    expect(hint).toMatchObject({ format: 1, foldVersion: 2, sequence: 12, etag: entry?.etag });
    expect(hint.state).toStrictEqual(await foldFromOne(store));
  });

  it.each<[string, (hint: HintDocument) => object]>([
    ['that belongs to another entry', (hint) => ({ ...hint, etag: '"0123"' })],
    [
      'that is ahead of the journal',
      (hint) => ({ ...hint, sequence: 99, state: { ...hint.state, sequence: 99 } }),
    ],
    ['whose state is of another slot', (hint) => ({ ...hint, state: { ...hint.state, sequence: 3 } })],
    ['of another fold', (hint) => ({ ...hint, foldVersion: 1 })],
    ['of a newer format', (hint) => ({ ...hint, format: 2 })],
    ['of another job', (hint) => ({ ...hint, state: { ...hint.state, jobId: 'job-10' } })],
    [
      'whose state has lost a field',
      (hint) => ({ ...hint, state: { ...hint.state, checkpoints: undefined } }),
    ],
    ['that is something else altogether', () => ({ hello: 'there' })],
  ])('is not believed when it is one %s', async (_, spoil) => {
    const store = new MemoryObjectStore();
    await longHistory(store, 12);
    const hint = await hintIn(store);
    // What would show if the hint were taken up.
    await putHint(store, spoil({ ...hint, state: { ...hint.state, name: 'a lie' } }));
    const { state } = await openJournal(portsOf(store), jobId);
    expect(state).toMatchObject({ name: 'demo', sequence: 12, jobId });
    expect(state).toStrictEqual(await foldFromOne(store));
  });

  it('would be believed for its own entry, so that the test above can fail', async () => {
    const store = new MemoryObjectStore();
    await longHistory(store, 12);
    const hint = await hintIn(store);
    await putHint(store, { ...hint, state: { ...hint.state, name: 'a lie' } });
    expect((await openJournal(portsOf(store), jobId)).state.name).toBe('a lie');
  });

  it('is not believed when its bytes are torn', async () => {
    const store = new MemoryObjectStore();
    await longHistory(store, 12);
    const stored = await store.get(hintKey);
    await store.put(hintKey, stored!.body.slice(0, 100));
    expect((await openJournal(portsOf(store), jobId)).state.sequence).toBe(12);
  });

  it('is not needed', async () => {
    const store = new MemoryObjectStore();
    await longHistory(store, 12);
    const before = await foldFromOne(store);
    await store.delete([hintKey]);
    expect((await openJournal(portsOf(store), jobId)).state).toStrictEqual(before);
  });

  it('folds a long history without a hint, over several pages', async () => {
    const store = new MemoryObjectStore();
    await longHistory(store, 1_100);
    await store.delete([hintKey]);
    expect((await openJournal(portsOf(store), jobId)).state.sequence).toBe(1_100);
  });

  it('is replaced after a spoilt one by the next append', async () => {
    const store = new MemoryObjectStore();
    await longHistory(store, 12);
    await putHint(store, { hello: 'there' });
    const journal = await openJournal(portsOf(store), jobId);
    await journal.append(() => ({ kind: 'ticketed', by: 'x', claim: null }));
    expect((await hintIn(store)).sequence).toBe(13);
  });

  it('never goes back: a writer that knows less leaves it alone', async () => {
    const store = new MemoryObjectStore();
    await longHistory(store, 12);
    const slow = await openJournal(portsOf(store, 2), jobId);
    const quick = await openJournal(portsOf(store, 3), jobId);
    for (const by of ['a', 'b']) await quick.append(() => ({ kind: 'ticketed', by, claim: null }));
    // `slow` knows the ETag of an older hint. Its own append comes after both, and its hint too, on the second try.
    await slow.append(() => ({ kind: 'ticketed', by: 'slow', claim: null }));
    expect((await hintIn(store)).sequence).toBe(14);
    await slow.append(() => ({ kind: 'ticketed', by: 'slow', claim: null }));
    expect((await hintIn(store)).sequence).toBe(16);
    await quick.append(() => undefined);
    expect((await hintIn(store)).sequence).toBe(16);
  });

  it('never fails an append, whatever goes wrong with it', async () => {
    const inner = new MemoryObjectStore();
    await submittedJournal(portsOf(inner));
    const store: ObjectStore = {
      ...recordingStore(inner),
      async replaceIfMatch() {
        throw new AccessDeniedError('operators may not write hints');
      },
    };
    const journal = await openJournal(portsOf(store, 2), jobId);
    const { entry } = await journal.append(() => ({ kind: 'ticketed', by: 'x', claim: null }));
    expect(entry?.sequence).toBe(2);
    expect((await openJournal(portsOf(inner), jobId)).state).toStrictEqual(journal.state);
  });

  it.each(['lost-answer', 'lands-late', 'refused', 'unavailable', 'repeated-late'] as const)(
    'leaves every state right under `%s` of its own writes',
    async (fault) => {
      const inner = new MemoryObjectStore();
      const script = [1, 2, 3, 4, 5, 6].flatMap((nth) => [
        { method: 'replaceIfMatch' as const, nth, fault },
        { method: 'createIfAbsent' as const, nth, key: hintKey, fault },
      ]);
      const store = new FaultyObjectStore(inner, { random: seededRandom(4), script, lateCallsMax: 9 });
      const journal = await submittedJournal(portsOf(store));
      for (let count = 0; count < 12; count++) {
        await journal.append(() => ({ kind: 'ticketed', by: `${count}`, claim: null }));
        expect((await openJournal(portsOf(inner), jobId)).state).toStrictEqual(journal.state);
      }
      expect(store.faults.length).toBeGreaterThan(0);
    },
  );

  it('is not touched by an owner that meets a newer claim', async () => {
    const inner = new MemoryObjectStore();
    const store = recordingStore(inner);
    const journal = await submittedJournal(portsOf(store));
    const zombie = await claimed(journal);
    await claimed(await openJournal(portsOf(inner, 2), jobId), { on: 'i-2' });
    store.calls.length = 0;
    await expect(zombie.append(() => checkpointFacts({ claim: 2, ordinal: 1, step: 5 }))).rejects.toThrow(
      /newer claim/,
    );
    expect(store.calls.filter(({ key }) => key === hintKey)).toEqual([]);
  });
});
