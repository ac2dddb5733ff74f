import { beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError } from '../../../lib/base/errors.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { answerPrune } from '../../../lib/client/answer-prune.ts';
import type { Region } from '../../../lib/client/region.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { defaultTimers } from '../../../lib/contract/timers.ts';
import type { Claim } from '../../../lib/journal/claim.ts';
import { requestPause, requestPrune, requestResume } from '../../../lib/journal/requests.ts';
import { MemoryJobQueue } from '../../../lib/queue/memory-job-queue.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { withMethods } from '../../support/with-methods.ts';
import { keysUnder, quickClock, save, text } from '../checkpoint/files.ts';
import { jobId, openJob, submitJob, takeOver } from '../checkpoint/real-job.ts';

const by = 'ann';
const tidier = { ticket: 'operator', by };
const checkpoints = objectKeys.checkpoints(jobId);

let store: MemoryObjectStore;
let ids: string[];

/** A completed job with two checkpoints, of which the first was asked to go. */
beforeEach(async () => {
  const claim = await begin();
  const [first = '', checkpoint = ''] = ids;
  await claim.append(() => ({ kind: 'completed', checkpoint, step: 2, epoch: 1, reason: 'done' }));
  await requestPrune(await openJob(store), { checkpoints: [first], by });
});

/** A job with two checkpoints, in a store of its own, that its owner still works on. */
async function begin(): Promise<Claim> {
  store = new MemoryObjectStore();
  ids = [];
  await submitJob(store);
  const claim = await takeOver(store);
  for (const step of [1, 2]) {
    const { record } = await save({ store, claim, files: { own: text(`${step}`) }, ordinal: step, step });
    ids.push(record.id);
  }
  return claim;
}

function regionOf(from: ObjectStore): Region {
  const queue = new MemoryJobQueue({ clock: quickClock() });
  return {
    place: { store: from.uri, queue: queue.uri, origin: 'flags', timers: defaultTimers },
    store: from,
    timers: defaultTimers,
    clock: quickClock(),
    random: seededRandom(1),
    queue: () => Promise.resolve(queue),
    close: () => Promise.resolve(),
  };
}

describe('a request to prune a job that is over', () => {
  it('is answered, and what earlier claims left goes as well', async () => {
    await store.put(`${checkpoints}2-9-step9/${'a'.repeat(64)}`, text('an aborted upload'));
    const answer = await answerPrune(regionOf(store), await openJob(store), tidier);
    expect(answer).toEqual({ outcome: 'pruned', checkpoints: [ids[0]] });
    const left = await keysUnder(store, checkpoints);
    expect(left.every((key) => key.startsWith(`${checkpoints}${ids[1]}/`))).toBe(true);
    expect(left).toHaveLength(2);
    const { state } = await openJob(store);
    expect(state).toMatchObject({ status: 'completed', claim: null });
    expect(await answerPrune(regionOf(store), await openJob(store), tidier)).toEqual({ outcome: 'nothing' });
  });

  it('is left to others, with nothing written, by who may not delete', async () => {
    const before = await keysUnder(store, '');
    const refusing = withMethods<ObjectStore>(store, {
      delete: () => Promise.reject(new AccessDeniedError('may not delete.')),
    });
    const answer = await answerPrune(regionOf(refusing), await openJob(store), tidier);
    expect(answer).toEqual({ outcome: 'not-allowed' });
    expect(await keysUnder(store, '')).toEqual(before);
    expect((await answerPrune(regionOf(store), await openJob(store), tidier)).outcome).toBe('pruned');
  });

  it('is in the hands of whoever claims the job meanwhile', async () => {
    let isOvertaken = false;
    const slow = withMethods<ObjectStore>(store, {
      list: async (prefix, options) => {
        const { state } = await openJob(store);
        if (state.claim !== null && !isOvertaken) {
          isOvertaken = true;
          const journal = await openJob(store);
          const instance = { id: 'i-9', type: 't', zone: 'z' };
          await journal.append(() => ({ kind: 'claimed', ticket: 'other', instance, claim: null }));
        }
        return store.list(prefix, options);
      },
    });
    const answer = await answerPrune(regionOf(slow), await openJob(slow), tidier);
    expect(answer.outcome).toBe('owned');
    expect((await openJob(store)).state.claim?.ticket).toBe('other');
    expect((await keysUnder(store, checkpoints)).some((key) => key.includes(ids[0] ?? ''))).toBe(true);
  });

  it('is answered also when the job is resumed while its checkpoints are deleted', async () => {
    const claim = await begin();
    await requestPrune(await openJob(store), { checkpoints: [ids[0] ?? ''], by });
    await requestPause(await openJob(store), { by });
    await claim.journal.refresh();
    await claim.append(() => ({ kind: 'paused', step: 2 }));
    let isResumed = false;
    const slow = withMethods<ObjectStore>(store, {
      delete: async (keys, options) => {
        const journal = await openJob(store);
        if (keys.length > 0 && !isResumed && journal.state.claim !== null) {
          isResumed = true;
          await requestResume(journal, { by });
        }
        return store.delete(keys, options);
      },
    });
    const answer = await answerPrune(regionOf(slow), await openJob(slow), tidier);
    expect(isResumed).toBe(true);
    expect(answer).toEqual({ outcome: 'pruned', checkpoints: [ids[0]] });
    expect((await openJob(store)).state).toMatchObject({ status: 'queued', claim: null });
  });
});
