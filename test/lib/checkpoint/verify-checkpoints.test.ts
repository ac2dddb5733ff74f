import { beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError, TransientError } from '../../../lib/base/errors.ts';
import { silentLog } from '../../../lib/base/log.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { type VerifyOptions, verifyCheckpoints } from '../../../lib/checkpoint/verify-checkpoints.ts';
import type { Manifest } from '../../../lib/contract/manifest.ts';
import type { CheckpointRecord } from '../../../lib/journal/job-state.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { withMethods } from '../../support/with-methods.ts';
import { noise, quickClock, save } from './files.ts';
import { jobId, submitJob, takeOver } from './real-job.ts';

let store: MemoryObjectStore;
let records: CheckpointRecord[];
let chunkKeys: string[];

/** Three checkpoints of 12 files each, 10 of which never change. */
beforeEach(async () => {
  store = new MemoryObjectStore();
  await submitJob(store);
  const claim = await takeOver(store);
  records = [];
  let parent: Manifest | undefined;
  for (const step of [1, 2, 3]) {
    const frozen = Array.from(
      { length: 10 },
      (_, index) => [`f${index}`, noise(100, 1_000 + index)] as const,
    );
    const files = { ...Object.fromEntries(frozen), own: noise(100, step), more: noise(100, 10 * step) };
    const { record, uploaded } = await save({ store, claim, files, ordinal: step, step, parent });
    records.push(record);
    parent = uploaded.manifest;
  }
  chunkKeys = (await store.list('jobs/')).objects
    .map(({ key }) => key)
    .filter((key) => /\/[0-9a-f]{64}$/.test(key));
});

async function verify(
  from: ObjectStore,
  options: Partial<VerifyOptions> = {},
): Promise<readonly (readonly [string, string])[]> {
  const verified = await verifyCheckpoints(
    { store: from, clock: quickClock(), random: seededRandom(1), log: silentLog },
    { jobId, records, signal: new AbortController().signal, ...options },
  );
  return verified.map(({ verdict }) => [verdict.verdict, 'why' in verdict ? verdict.why : ''] as const);
}

const verdictsOf = (found: readonly (readonly [string, string])[]): readonly string[] =>
  found.map(([verdict]) => verdict);

describe('verifying checkpoints', () => {
  it('reads each chunk once however many share it, a bounded number at a time, and tells how far it is', async () => {
    const reads: string[] = [];
    const progress: number[] = [];
    let [now, most] = [0, 0];
    const watched = withMethods<ObjectStore>(store, {
      get: async (key, options) => {
        reads.push(key);
        most = Math.max(most, ++now);
        const object = await store.get(key, options);
        now--;
        return object;
      },
    });
    const onProgress = (bytes: number, total: number): void => {
      expect(total).toBe(1_600);
      progress.push(bytes);
    };
    expect(verdictsOf(await verify(watched, { lanes: 3, onProgress }))).toEqual(['good', 'good', 'good']);
    expect(chunkKeys).toHaveLength(16);
    expect(reads.filter((key) => chunkKeys.includes(key)).toSorted()).toEqual(chunkKeys.toSorted());
    expect(reads).toHaveLength(16 + records.length);
    expect(most).toBe(3);
    expect(progress).toEqual([...progress].toSorted((one, other) => one - other));
    expect([progress[0], progress.at(-1)]).toEqual([0, 1_600]);
  });

  it('finds every bent and every missing chunk, and no other', async () => {
    for (const key of chunkKeys) {
      const object = await store.get(key);
      const body = object?.body ?? new Uint8Array();
      for (const spoil of [
        () =>
          store.put(
            key,
            body.map((byte, at) => (at === 7 ? byte ^ 1 : byte)),
          ),
        () => store.delete([key]),
      ]) {
        await spoil();
        const naming = await Promise.all(
          records.map(async ({ manifest }) =>
            new TextDecoder().decode((await store.get(manifest.key))?.body).includes(key),
          ),
        );
        expect(verdictsOf(await verify(store)), key).toEqual(
          naming.map((names) => (names ? 'damaged' : 'good')),
        );
        await store.put(key, body);
      }
    }
    expect(verdictsOf(await verify(store))).toEqual(['good', 'good', 'good']);
  });

  it('takes neither a time-out nor a refusal for damage', async () => {
    const [key = ''] = chunkKeys.filter((each) => each.includes('-2-step2/'));
    for (const error of [new TransientError('timed out.'), new AccessDeniedError('refused.')]) {
      const failing = withMethods<ObjectStore>(store, {
        get: (asked, options) => (asked === key ? Promise.reject(error) : store.get(asked, options)),
      });
      expect(await verify(failing)).toEqual([
        ['good', ''],
        ['unread', error.message],
        ['good', ''],
      ]);
    }
  });

  it('gives up on a store that is away, and blames nothing', async () => {
    let reads = 0;
    const away = withMethods<ObjectStore>(store, {
      get: (key, options) => {
        if (!chunkKeys.includes(key)) return store.get(key, options);
        reads++;
        return Promise.reject(new AccessDeniedError('refused.'));
      },
    });
    expect(verdictsOf(await verify(away, { lanes: 1 }))).toEqual(['unread', 'unread', 'unread']);
    expect(reads).toBe(8);
  });

  it('takes a manifest that was bent for damage, and reads the others', async () => {
    await store.put(records[1]?.manifest.key ?? '', new Uint8Array([1]));
    const found = await verify(store);
    expect(verdictsOf(found)).toEqual(['good', 'damaged', 'good']);
    expect(found[1]?.[1]).toContain('manifest holds 1 bytes');
  });

  it('ends at once when it is told to', async () => {
    const stop = new AbortController();
    const stopping = withMethods<ObjectStore>(store, {
      get: (key, options) => {
        if (chunkKeys.includes(key)) stop.abort(new Error('enough'));
        return store.get(key, options);
      },
    });
    await expect(verify(stopping, { signal: stop.signal, lanes: 1 })).rejects.toThrow('enough');
  });
});
