import { describe, expect, it } from 'vitest';
import { ConflictError, NotFoundError } from '../../../lib/base/errors.ts';
import type { EntryFacts } from '../../../lib/contract/journal-entry.ts';
import { type Journal, openJournal } from '../../../lib/journal/journal.ts';
import * as requests from '../../../lib/journal/requests.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import {
  checkpointFacts,
  claimed,
  jobId,
  portsOf,
  spec,
  submission,
  submittedJournal,
} from '../../support/journal-world.ts';

const by = 'ada';
const first = '2-1-step10';
const second = '2-2-step20';
const revised = { key: `jobs/${jobId}/spec-7.json`, sha256: 'c'.repeat(64) };

type Status = 'queued' | 'running' | 'interrupted' | 'paused' | 'failed' | 'completed' | 'cancelled';

/** A job in that state; all but the queued one have two checkpoints. */
async function jobThatIs(status: Status): Promise<Journal> {
  const journal = await submittedJournal();
  if (status === 'queued') return journal;
  const claim = await claimed(journal);
  await claim.append(() => checkpointFacts({ claim: 2, ordinal: 1, step: 10 }));
  await claim.append(() => checkpointFacts({ claim: 2, ordinal: 2, step: 20 }));
  if (status === 'paused') await requests.requestPause(journal, { by });
  if (status === 'cancelled') await requests.requestCancel(journal, { by });
  await claim.append((): EntryFacts | undefined => {
    switch (status) {
      case 'running':
        return undefined;
      case 'interrupted':
        return { kind: 'released', cause: 'interrupted', step: 20, message: 'notice' };
      case 'failed':
        return { kind: 'failed', reason: 'user-error', message: 'boom', step: 20 };
      case 'completed':
        return { kind: 'completed', checkpoint: second, step: 20, epoch: 1, reason: 'done' };
      case 'paused':
      case 'cancelled':
        return { kind: status, step: 20 };
    }
  });
  return journal;
}

/** `asked`: an entry was written. `holds`: nothing needed to be. `conflict`: refused, with nothing written. */
async function outcomeOf(journal: Journal, ask: () => Promise<{ entry: unknown }>): Promise<string> {
  const before = journal.state.sequence;
  try {
    const { entry } = await ask();
    expect(journal.state.sequence).toBe(entry === undefined ? before : before + 1);
    return entry === undefined ? 'holds' : 'asked';
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    expect(error.hint).toMatch(/\w/);
    expect(journal.state.sequence).toBe(before);
    return 'conflict';
  }
}

describe.each<[Status, { pause: string; cancel: string; resume: string; revise: string; ticket: string }]>([
  ['queued', { pause: 'asked', cancel: 'asked', resume: 'holds', revise: 'asked', ticket: 'asked' }],
  ['running', { pause: 'asked', cancel: 'asked', resume: 'conflict', revise: 'conflict', ticket: 'asked' }],
  ['interrupted', { pause: 'asked', cancel: 'asked', resume: 'holds', revise: 'asked', ticket: 'asked' }],
  ['paused', { pause: 'holds', cancel: 'asked', resume: 'asked', revise: 'asked', ticket: 'conflict' }],
  ['failed', { pause: 'conflict', cancel: 'conflict', resume: 'asked', revise: 'asked', ticket: 'conflict' }],
  [
    'completed',
    { pause: 'conflict', cancel: 'conflict', resume: 'conflict', revise: 'conflict', ticket: 'conflict' },
  ],
  [
    'cancelled',
    { pause: 'conflict', cancel: 'holds', resume: 'conflict', revise: 'conflict', ticket: 'conflict' },
  ],
])('of a %s job', (status, expected) => {
  it(`a pause: ${expected.pause}`, async () => {
    const journal = await jobThatIs(status);
    expect(await outcomeOf(journal, async () => requests.requestPause(journal, { by }))).toBe(expected.pause);
  });

  it(`a cancel: ${expected.cancel}`, async () => {
    const journal = await jobThatIs(status);
    expect(await outcomeOf(journal, async () => requests.requestCancel(journal, { by }))).toBe(
      expected.cancel,
    );
  });

  it(`a resume: ${expected.resume}`, async () => {
    const journal = await jobThatIs(status);
    expect(await outcomeOf(journal, async () => requests.requestResume(journal, { by }))).toBe(
      expected.resume,
    );
  });

  it(`a resume with another program: ${expected.revise}`, async () => {
    const journal = await jobThatIs(status);
    expect(await outcomeOf(journal, async () => requests.requestResume(journal, { by, spec: revised }))).toBe(
      expected.revise,
    );
    expect(journal.state.spec).toEqual(expected.revise === 'asked' ? revised : spec);
  });

  it(`a ticket: ${expected.ticket}`, async () => {
    const journal = await jobThatIs(status);
    expect(
      await outcomeOf(journal, async () =>
        requests.recordTicket(journal, { by, seen: journal.state.sequence }),
      ),
    ).toBe(expected.ticket);
  });
});

describe('requests', () => {
  it('are safe to repeat', async () => {
    const journal = await jobThatIs('running');
    await requests.requestPause(journal, { by });
    expect((await requests.requestPause(journal, { by })).entry).toBeUndefined();
    await requests.requestCancel(journal, { by });
    expect((await requests.requestCancel(journal, { by })).entry).toBeUndefined();
    const failed = await jobThatIs('failed');
    await requests.requestResume(failed, { by, spec: revised, from: first });
    expect((await requests.requestResume(failed, { by, spec: revised, from: first })).entry).toBeUndefined();
  });

  it('decide on the newest state, also when they decide on nothing', async () => {
    const store = new MemoryObjectStore();
    const journal = await submittedJournal(portsOf(store, 1));
    const stale = await openJournal(portsOf(store, 2), jobId);
    await requests.requestPause(journal, { by });
    await requests.requestPause(stale, { by });
    await requests.requestResume(journal, { by });
    expect((await requests.requestPause(stale, { by })).entry?.kind).toBe('pause-requested');
  });

  it('withdraw a pause with a resume', async () => {
    const journal = await jobThatIs('running');
    await requests.requestPause(journal, { by });
    const { state } = await requests.requestResume(journal, { by });
    expect(state).toMatchObject({ status: 'running', requests: { pause: false } });
  });

  it('cannot withdraw a cancel', async () => {
    const journal = await jobThatIs('paused');
    await requests.requestCancel(journal, { by });
    await expect(requests.requestResume(journal, { by })).rejects.toThrow(/being cancelled/);
    await expect(requests.requestPause(await jobThatIs('cancelled'), { by })).rejects.toThrow(ConflictError);
  });

  it('roll back to a retained good checkpoint only', async () => {
    const journal = await jobThatIs('failed');
    await expect(requests.requestResume(journal, { by, from: '9-9-step9' })).rejects.toThrow(NotFoundError);
    await journal.append(() => ({
      kind: 'quarantined',
      checkpoint: second,
      chunks: [],
      why: 'bytes differ',
      claim: null,
    }));
    await expect(requests.requestResume(journal, { by, from: second })).rejects.toThrow(/bytes differ/);
    const { state } = await requests.requestResume(journal, { by, from: first });
    expect(state).toMatchObject({ status: 'queued', resumeFrom: first });
  });

  it('pin and unpin what is retained', async () => {
    const journal = await jobThatIs('running');
    const { state } = await requests.pinCheckpoint(journal, { checkpoint: first, by });
    expect(state.checkpoints[0]?.pinned).toBe(true);
    expect((await requests.pinCheckpoint(journal, { checkpoint: first, by })).entry).toBeUndefined();
    await requests.unpinCheckpoint(journal, { checkpoint: first, by });
    expect((await requests.unpinCheckpoint(journal, { checkpoint: first, by })).entry).toBeUndefined();
    await expect(requests.pinCheckpoint(journal, { checkpoint: '9-9-step9', by })).rejects.toThrow(
      NotFoundError,
    );
  });

  it('prune neither pinned nor held checkpoints nor the one to resume from', async () => {
    const journal = await jobThatIs('interrupted');
    const prune = async (id: string): Promise<unknown> =>
      requests.requestPrune(journal, { checkpoints: [id], by });
    await expect(prune(second)).rejects.toThrow(/must stay/);
    await requests.pinCheckpoint(journal, { checkpoint: first, by });
    await expect(prune(first)).rejects.toThrow(/must stay/);
    await requests.unpinCheckpoint(journal, { checkpoint: first, by });
    await requests.recordFork(journal, { checkpoint: first, child: 'child-1' });
    await expect(prune(first)).rejects.toMatchObject({
      message: expect.stringMatching(/must stay/),
      hint: expect.stringContaining('free when that day is over'),
    });
    await expect(prune('9-9-step9')).rejects.toThrow(NotFoundError);
  });

  it('ask once for a prune', async () => {
    const journal = await jobThatIs('completed');
    const { state } = await requests.requestPrune(journal, { checkpoints: [first], by });
    expect(state.requests.prune).toEqual([first]);
    expect((await requests.requestPrune(journal, { checkpoints: [first], by })).entry).toBeUndefined();
  });

  it('fork a good checkpoint only', async () => {
    const journal = await jobThatIs('running');
    const { state } = await requests.recordFork(journal, { checkpoint: first, child: 'child-1' });
    expect(state.forks).toMatchObject([{ checkpoint: first, child: 'child-1' }]);
    await journal.append(() => ({
      kind: 'quarantined',
      checkpoint: second,
      chunks: [],
      why: 'gone',
      claim: null,
    }));
    await expect(requests.recordFork(journal, { checkpoint: second, child: 'child-2' })).rejects.toThrow(
      ConflictError,
    );
  });

  it('name a job that does not exist', async () => {
    const journal = await openJournal(portsOf(), jobId);
    await expect(requests.requestPause(journal, { by })).rejects.toThrow(NotFoundError);
    expect(journal.state.sequence).toBe(0);
  });
});

describe('a submission', () => {
  it('begins the journal, and repeated does nothing', async () => {
    const journal = await openJournal(portsOf(), jobId);
    expect((await requests.recordSubmission(journal, submission)).entry?.sequence).toBe(1);
    expect((await requests.recordSubmission(journal, submission)).entry).toBeUndefined();
    expect(journal.state).toMatchObject({ status: 'queued', name: 'demo' });
  });

  it('is refused when another job has the id', async () => {
    const journal = await submittedJournal();
    await expect(requests.recordSubmission(journal, { ...submission, spec: revised })).rejects.toThrow(
      ConflictError,
    );
  });

  it('of two at once one wins', async () => {
    const store = new MemoryObjectStore();
    const one = await openJournal(portsOf(store, 1), jobId);
    const two = await openJournal(portsOf(store, 2), jobId);
    const results = await Promise.allSettled([
      requests.recordSubmission(one, submission),
      requests.recordSubmission(two, { ...submission, spec: revised }),
    ]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  });
});
