import { describe, expect, it } from 'vitest';
import { FencedError, InvariantError, NotFoundError } from '../../../lib/base/errors.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { EntryFacts } from '../../../lib/contract/journal-entry.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { claimJob, type ClaimResult } from '../../../lib/journal/claim.ts';
import { type Journal, openJournal } from '../../../lib/journal/journal.ts';
import { requestCancel, requestPause } from '../../../lib/journal/requests.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { FaultyObjectStore } from '../../../proof/rehearsal/faulty-object-store.ts';
import {
  checkpointFacts,
  claimed,
  instance,
  jobId,
  portsOf,
  submittedJournal,
} from '../../support/journal-world.ts';

const by = { by: 'ada' };

async function tryClaim(
  journal: Journal,
  options: { readonly ticket?: string; readonly isLive?: boolean; readonly on?: string } = {},
): Promise<ClaimResult> {
  const { ticket = 'ticket-1', isLive = false, on = 'i-2' } = options;
  return claimJob(journal, { ticket, instance: instance(on), isLive: async () => isLive });
}

const another = async (store: ObjectStore, seed = 9): Promise<Journal> =>
  openJournal(portsOf(store, seed), jobId);

describe('claiming a job', () => {
  it('opens an attempt of a queued job', async () => {
    const journal = await submittedJournal();
    const result = await tryClaim(journal, { ticket: 'ticket-5', on: 'i-5' });
    expect(result.outcome).toBe('claimed');
    expect(journal.state).toMatchObject({
      status: 'running',
      claim: { token: 2, ticket: 'ticket-5', instance: { id: 'i-5' } },
    });
  });

  it('names a job that does not exist', async () => {
    const journal = await openJournal(portsOf(), jobId);
    await expect(tryClaim(journal)).rejects.toThrow(NotFoundError);
  });

  it('leaves a live owner alone, and tells whether it came by the same ticket', async () => {
    const journal = await submittedJournal();
    await claimed(journal, { ticket: 'ticket-1' });
    const same = await tryClaim(journal, { ticket: 'ticket-1', isLive: true });
    const extra = await tryClaim(journal, { ticket: 'ticket-2', isLive: true });
    expect(same).toMatchObject({ outcome: 'owned', owner: { token: 2 }, sameTicket: true });
    expect(extra).toMatchObject({ outcome: 'owned', owner: { token: 2 }, sameTicket: false });
    expect(journal.state.sequence).toBe(2);
  });

  it('takes over from an owner that has fallen silent', async () => {
    const journal = await submittedJournal();
    await claimed(journal);
    expect(await tryClaim(journal)).toMatchObject({ outcome: 'claimed', claim: { token: 3 } });
    expect(journal.state.totals.silentDeaths).toBe(1);
  });

  it('looks at the newest slots first, not at what it read long ago', async () => {
    const store = new MemoryObjectStore();
    const stale = await submittedJournal(portsOf(store, 1));
    await claimed(await another(store), { on: 'i-1' });
    expect(await tryClaim(stale, { isLive: true })).toMatchObject({ outcome: 'owned', owner: { token: 2 } });
  });

  it('takes an owner that claims in the meantime for live, whatever the clocks say', async () => {
    const store = new MemoryObjectStore();
    const journal = await submittedJournal(portsOf(store, 1));
    await claimed(journal, { on: 'i-dead' });
    const rival = await another(store);
    const result = await claimJob(journal, {
      ticket: 'ticket-2',
      instance: instance('i-2'),
      async isLive() {
        await claimed(rival, { on: 'i-3', ticket: 'ticket-3' });
        return false;
      },
    });
    expect(result).toMatchObject({
      outcome: 'owned',
      owner: { token: 3, ticket: 'ticket-3' },
      sameTicket: false,
    });
    expect((await another(store)).state.sequence).toBe(3);
  });

  it('lets exactly one of two workers that race for one ticket have the job', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const inner = new MemoryObjectStore();
      await submittedJournal(portsOf(inner));
      const rates = { delayed: 0.7, 'lost-answer': 0.2, refused: 0.1 };
      const store = new FaultyObjectStore(inner, { random: seededRandom(seed), rates });
      const results = await Promise.all(
        ['i-1', 'i-2'].map(async (on, index) => {
          const journal = await openJournal(portsOf(store, 100 + 2 * seed + index), jobId);
          return tryClaim(journal, { ticket: 'the-ticket', on, isLive: true });
        }),
      );
      const outcomes = results.map(({ outcome }) => outcome).toSorted();
      expect(outcomes, `seed ${seed}`).toEqual(['claimed', 'owned']);
      expect(results.find(({ outcome }) => outcome === 'owned')).toMatchObject({ sameTicket: true });
      const { state } = await another(inner);
      expect(state, `seed ${seed}`).toMatchObject({ totals: { claims: 1 }, ignored: { count: 0 } });
    }
  });

  it.each(['lost-answer', 'refused', 'unavailable', 'lands-late', 'repeated-late'] as const)(
    'claims once when its entry suffers `%s`',
    async (fault) => {
      const inner = new MemoryObjectStore();
      await submittedJournal(portsOf(inner));
      const key = objectKeys.journalEntry(jobId, 2);
      const script = [{ method: 'createIfAbsent' as const, nth: 1, key, fault }];
      const store = new FaultyObjectStore(inner, { random: seededRandom(1), script, lateCallsMax: 1 });
      const result = await tryClaim(await openJournal(portsOf(store, 2), jobId));
      await store.settle();
      expect(result).toMatchObject({ outcome: 'claimed', claim: { token: 2 } });
      expect((await another(inner)).state).toMatchObject({
        sequence: 2,
        totals: { claims: 1, silentDeaths: 0 },
      });
    },
  );

  it('does not confuse neighbours whose ids begin alike', async () => {
    const ports = portsOf();
    await claimed(await submittedJournal(ports, 'job-10'));
    const journal = await submittedJournal(ports, 'job-1');
    expect(await tryClaim(journal, { isLive: true })).toMatchObject({ outcome: 'claimed' });
  });
});

describe('claiming a job that is finished', () => {
  it.each(['completed', 'failed', 'cancelled', 'paused'] as const)('says so of a %s one', async (status) => {
    const journal = await submittedJournal();
    const claim = await claimed(journal);
    await claim.append(() => checkpointFacts({ claim: 2, ordinal: 1, step: 5 }));
    if (status === 'cancelled') await requestCancel(journal, by);
    if (status === 'paused') await requestPause(journal, by);
    await claim.append((): EntryFacts => {
      if (status === 'completed')
        return { kind: status, checkpoint: '2-1-step5', step: 5, epoch: 1, reason: 'done' };
      if (status === 'failed') return { kind: status, reason: 'non-finite-loss', message: 'NaN', step: 5 };
      return { kind: status, step: 5 };
    });
    const { sequence } = journal.state;
    expect(await tryClaim(journal)).toEqual({ outcome: 'finished', status });
    expect(journal.state.sequence).toBe(sequence);
  });

  it('answers a pending pause of a job whose owner is gone, under a claim of its own', async () => {
    const journal = await submittedJournal();
    const zombie = await claimed(journal);
    await requestPause(journal, by);
    expect(await tryClaim(journal)).toEqual({ outcome: 'finished', status: 'paused' });
    expect(journal.state).toMatchObject({ newestClaim: 4, claim: null });
    await expect(zombie.append(() => checkpointFacts({ claim: 2, ordinal: 1, step: 5 }))).rejects.toThrow(
      FencedError,
    );
  });

  it('answers a pending cancel of a queued job', async () => {
    const journal = await submittedJournal();
    await requestCancel(journal, by);
    expect(await tryClaim(journal)).toEqual({ outcome: 'finished', status: 'cancelled' });
    expect(journal.state.end?.kind).toBe('cancelled');
  });

  it('answers a pending cancel of a paused job', async () => {
    const journal = await submittedJournal();
    await requestPause(journal, by);
    await tryClaim(journal);
    await requestCancel(journal, by);
    expect(await tryClaim(journal)).toEqual({ outcome: 'finished', status: 'cancelled' });
  });

  it('leaves a request to a live owner', async () => {
    const journal = await submittedJournal();
    await claimed(journal);
    await requestPause(journal, by);
    expect(await tryClaim(journal, { isLive: true })).toMatchObject({ outcome: 'owned' });
    expect(journal.state).toMatchObject({ status: 'running', requests: { pause: true } });
  });

  it('fails a job at its second error of the program, when its owner did not live to say so', async () => {
    const journal = await submittedJournal();
    for (const step of [7, 7]) {
      const claim = await claimed(journal);
      await claim.append(() => ({
        kind: 'released',
        cause: 'error',
        step,
        message: 'TypeError in step 7\n at train.ts:3',
      }));
    }
    expect(await tryClaim(journal)).toEqual({ outcome: 'finished', status: 'failed' });
    expect(journal.state.end).toMatchObject({
      reason: 'user-error',
      message: 'TypeError in step 7\n at train.ts:3',
      step: 7,
    });
  });

  it('fails a job at its fifth silent death, and not before', async () => {
    const journal = await submittedJournal();
    for (let attempt = 1; attempt <= 5; attempt++) await claimed(journal, { on: `i-${attempt}` });
    expect(journal.state.strikes.total).toBe(4);
    expect(await tryClaim(journal)).toEqual({ outcome: 'finished', status: 'failed' });
    expect(journal.state.end).toMatchObject({ kind: 'failed', reason: 'strikes' });
  });

  it('never fails a job for announced interruptions', async () => {
    const journal = await submittedJournal();
    for (let attempt = 1; attempt <= 12; attempt++) {
      const claim = await claimed(journal);
      await claim.append(() => ({ kind: 'released', cause: 'interrupted', step: 0, message: 'notice' }));
    }
    expect((await tryClaim(journal)).outcome).toBe('claimed');
  });
});

describe('the holder of a claim', () => {
  it('commits nothing after a take-over: a zombie that wakes is told to stop', async () => {
    const store = new MemoryObjectStore();
    const zombie = await claimed(await submittedJournal(portsOf(store, 1)), { on: 'i-1' });
    await zombie.append(() => ({ kind: 'restored', checkpoint: null, step: 0, bytes: 0, elapsedMs: 1 }));
    const fresh = await claimed(await another(store), { on: 'i-2' });
    let asked = 0;
    const late = zombie.append(() => {
      asked++;
      return checkpointFacts({ claim: zombie.token, ordinal: 1, step: 50 });
    });
    await expect(late).rejects.toThrow(FencedError);
    await expect(
      zombie.append(() => ({ kind: 'released', cause: 'error', step: 50, message: '' })),
    ).rejects.toThrow(FencedError);
    expect(asked).toBe(1);
    await fresh.append(() => ({ kind: 'restored', checkpoint: null, step: 0, bytes: 0, elapsedMs: 1 }));
    const { state } = await another(store);
    expect(state).toMatchObject({
      sequence: 5,
      committed: 0,
      newestClaim: fresh.token,
      ignored: { count: 0 },
    });
  });

  it('commits nothing when its write was on the way during the take-over', async () => {
    const inner = new MemoryObjectStore();
    const key = objectKeys.journalEntry(jobId, 3);
    const script = [{ method: 'createIfAbsent' as const, nth: 1, key, fault: 'lands-late' as const }];
    const store = new FaultyObjectStore(inner, { random: seededRandom(1), script, lateCallsMax: 1_000 });
    await submittedJournal(portsOf(inner));
    const ports = portsOf(store, 2);
    let takeOver: Promise<unknown> | undefined;
    const clock = {
      ...ports.clock,
      async sleep() {
        takeOver ??= another(inner).then(async (journal) => claimed(journal, { on: 'i-2' }));
        await takeOver;
      },
    };
    const zombie = await claimed(await openJournal({ ...ports, clock }, jobId));
    const late = zombie.append(() => checkpointFacts({ claim: zombie.token, ordinal: 1, step: 50 }));
    await expect(late).rejects.toThrow(FencedError);
    await store.settle();
    expect((await another(inner)).state).toMatchObject({ sequence: 3, newestClaim: 3, committed: 0 });
  });

  it('learns of operators\u2019 requests and goes on', async () => {
    const store = new MemoryObjectStore();
    const claim = await claimed(await submittedJournal(portsOf(store, 1)));
    await requestPause(await another(store), by);
    const { state } = await claim.append(() => checkpointFacts({ claim: claim.token, ordinal: 1, step: 5 }));
    expect(state).toMatchObject({ committed: 1, requests: { pause: true } });
  });

  it('is stopped by a fault of its own, not silently', async () => {
    const claim = await claimed(await submittedJournal());
    await claim.append(() => ({ kind: 'released', cause: 'interrupted', step: 1, message: 'notice' }));
    const late = claim.append(() => checkpointFacts({ claim: claim.token, ordinal: 1, step: 5 }));
    await expect(late).rejects.toThrow(InvariantError);
  });

  it('may fail the job after its attempt has ended', async () => {
    const journal = await submittedJournal();
    const claim = await claimed(journal);
    await claim.append(() => ({ kind: 'released', cause: 'error', step: 1, message: 'boom' }));
    await claim.append(() => ({ kind: 'failed', reason: 'user-error', message: 'boom', step: 1 }));
    expect(journal.state.status).toBe('failed');
  });
});
