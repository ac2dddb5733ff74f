import { describe, expect, it } from 'vitest';
import { FencedError, NotFoundError } from '../../../lib/base/errors.ts';
import { openJournal } from '../../../lib/journal/journal.ts';
import { requestCancel, requestPause, requestResume } from '../../../lib/journal/requests.ts';
import { settleRequest } from '../../../lib/journal/settle-request.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import {
  checkpointFacts,
  claimed,
  instance,
  jobId,
  portsOf,
  submittedJournal,
} from '../../support/journal-world.ts';

const by = { by: 'ada' };
const command = { ticket: 'command:pause', instance: instance('laptop') };
const gone = { ...command, isLive: async () => false };
const live = { ...command, isLive: async () => true };

describe('settling a request without a live owner', () => {
  it('pauses a queued job', async () => {
    const journal = await submittedJournal();
    await requestPause(journal, by);
    expect(await settleRequest(journal, gone)).toEqual({ outcome: 'settled', status: 'paused' });
    expect(journal.state).toMatchObject({ status: 'paused', claim: null });
  });

  it('cancels a job whose owner is gone, at the step that it had reached, and fences that owner', async () => {
    const journal = await submittedJournal();
    const zombie = await claimed(journal);
    await zombie.append(() => checkpointFacts({ claim: 2, ordinal: 1, step: 40 }));
    await requestCancel(journal, by);
    expect(await settleRequest(journal, gone)).toEqual({ outcome: 'settled', status: 'cancelled' });
    expect(journal.state.end).toMatchObject({ kind: 'cancelled', step: 40 });
    await expect(
      zombie.append(() => ({ kind: 'released', cause: 'error', step: 41, message: '' })),
    ).rejects.toThrow(FencedError);
  });

  it('cancels a paused job', async () => {
    const journal = await submittedJournal();
    await requestPause(journal, by);
    await settleRequest(journal, gone);
    await requestCancel(journal, by);
    expect(await settleRequest(journal, gone)).toEqual({ outcome: 'settled', status: 'cancelled' });
  });

  it('leaves it to a live owner', async () => {
    const journal = await submittedJournal();
    await claimed(journal);
    await requestPause(journal, by);
    expect(await settleRequest(journal, live)).toMatchObject({ outcome: 'owned', owner: { token: 2 } });
  });

  it('claims nothing when nothing is asked', async () => {
    const journal = await submittedJournal();
    expect(await settleRequest(journal, gone)).toEqual({ outcome: 'nothing' });
    expect(journal.state.sequence).toBe(1);
  });

  it('hands the job back when the request is withdrawn between claim and answer', async () => {
    const store = new MemoryObjectStore();
    const journal = await submittedJournal(portsOf(store, 1));
    await requestPause(journal, by);
    const other = await openJournal(portsOf(store, 2), jobId);
    let creates = 0;
    const create = store.createIfAbsent.bind(store);
    store.createIfAbsent = async (key, body, options) => {
      if (key.includes('/journal/') && ++creates === 2) {
        store.createIfAbsent = create;
        await requestResume(other, by);
      }
      return create(key, body, options);
    };
    expect(await settleRequest(journal, gone)).toEqual({ outcome: 'given-back' });
    expect(journal.state).toMatchObject({
      status: 'interrupted',
      claim: null,
      requests: { pause: false },
      strikes: { total: 0 },
      lastRelease: { cause: 'handover' },
    });
  });

  it('names a job that does not exist', async () => {
    await expect(settleRequest(await openJournal(portsOf(), jobId), gone)).rejects.toThrow(NotFoundError);
  });
});
