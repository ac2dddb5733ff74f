import { describe, expect, it } from 'vitest';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { type Heartbeat, putHeartbeat, readHeartbeat } from '../../../lib/journal/heartbeat.ts';
import { isLive } from '../../../lib/journal/liveness.ts';
import { CorruptionError, UnknownFormatError } from '../../../lib/base/errors.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { claimed, hastyClock, jobId, portsOf, submittedJournal } from '../../support/journal-world.ts';

const beat: Heartbeat = {
  format: 1,
  claim: 2,
  phase: 'training',
  step: 7,
  epoch: 0,
  examplesPerSecond: 120.5,
  loss: 0.5,
  metrics: { accuracy: 0.9 },
};
const livenessMs = 90_000;

/** A job with claim 2, on a store with a clock of its own. */
async function ownedJob(): Promise<{ store: MemoryObjectStore; clock: ReturnType<typeof hastyClock> }> {
  const clock = hastyClock();
  const store = new MemoryObjectStore({ clock });
  await claimed(await submittedJournal(portsOf(store)));
  return { store, clock };
}

const live = async (store: MemoryObjectStore, claim = 2): Promise<boolean> =>
  isLive(store, { jobId, claim, livenessMs });

describe('an owner', () => {
  it('is live while its claim is young', async () => {
    const { store, clock } = await ownedJob();
    clock.pass(89_999);
    expect(await live(store)).toBe(true);
    clock.pass(1);
    expect(await live(store)).toBe(false);
  });

  it('is live while its heartbeat is young, however old the claim', async () => {
    const { store, clock } = await ownedJob();
    clock.pass(3_600_000);
    await putHeartbeat(store, jobId, beat);
    clock.pass(89_999);
    expect(await live(store)).toBe(true);
    clock.pass(1);
    expect(await live(store)).toBe(false);
  });

  it('does not live by the heartbeat of an older claim', async () => {
    const { store, clock } = await ownedJob();
    clock.pass(3_600_000);
    await putHeartbeat(store, jobId, beat);
    expect(await live(store, 3)).toBe(false);
  });

  it('does not live by the heartbeat of a neighbour whose id begins alike', async () => {
    const { store, clock } = await ownedJob();
    clock.pass(3_600_000);
    await putHeartbeat(store, 'job-10', beat);
    expect(await live(store)).toBe(false);
  });
});

describe('a heartbeat', () => {
  it('is read back with its age by the store\u2019s clock', async () => {
    const { store, clock } = await ownedJob();
    await putHeartbeat(store, jobId, beat);
    clock.pass(1_234);
    expect(await readHeartbeat(store, jobId, 2)).toEqual({ heartbeat: beat, ageMs: 1_234 });
  });

  it('is undefined before the first', async () => {
    const { store } = await ownedJob();
    expect(await readHeartbeat(store, jobId, 2)).toBeUndefined();
  });

  it('replaces the one before', async () => {
    const { store } = await ownedJob();
    await putHeartbeat(store, jobId, beat);
    await putHeartbeat(store, jobId, { ...beat, step: 8, loss: null, total: 100 });
    expect((await readHeartbeat(store, jobId, 2))?.heartbeat).toMatchObject({
      step: 8,
      loss: null,
      total: 100,
    });
  });

  it.each([
    ['of a newer format', '{"format":2}', UnknownFormatError],
    ['that is damaged', '{"format":1}', CorruptionError],
  ])('is refused when it is one %s', async (_, text, error) => {
    const { store } = await ownedJob();
    await store.put(objectKeys.heartbeat(jobId, 2), new TextEncoder().encode(text));
    await expect(readHeartbeat(store, jobId, 2)).rejects.toThrow(error);
  });
});
