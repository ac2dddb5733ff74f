import { describe, expect, it } from 'vitest';
import { ConflictError, CorruptionError } from '../../../lib/base/errors.ts';
import { loadSpec } from '../../../lib/client/load-spec.ts';
import { isSameJob, publishFirstSpec, publishRevision } from '../../../lib/client/publish-spec.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { aSpec } from '../../support/a-spec.ts';

const later = '2031-01-01T00:00:00.000Z';

describe('the first spec of a job', () => {
  it('is found again by its reference', async () => {
    const store = new MemoryObjectStore();
    const ref = await publishFirstSpec(store, aSpec());
    expect(ref.key).toBe('jobs/job-1/spec-1.json');
    expect(await loadSpec(store, ref)).toEqual(aSpec());
  });

  it('stands when the same submission is repeated later', async () => {
    const store = new MemoryObjectStore();
    const first = await publishFirstSpec(store, aSpec());
    expect(await publishFirstSpec(store, aSpec({ createdAt: later }))).toEqual(first);
    expect((await loadSpec(store, first)).createdAt).toBe(aSpec().createdAt);
  });

  it('is refused when another job has the id', async () => {
    const store = new MemoryObjectStore();
    await publishFirstSpec(store, aSpec());
    await expect(publishFirstSpec(store, aSpec({ name: 'other' }))).rejects.toThrow(ConflictError);
  });

  it('is not read when somebody changed it, or took it away', async () => {
    const store = new MemoryObjectStore();
    const ref = await publishFirstSpec(store, aSpec());
    await store.put(ref.key, new TextEncoder().encode('{}'));
    await expect(loadSpec(store, ref)).rejects.toThrow(CorruptionError);
    await store.delete([ref.key]);
    await expect(loadSpec(store, ref)).rejects.toThrow('is gone');
  });
});

describe('a revision', () => {
  it('takes the next name when another operator was faster', async () => {
    const store = new MemoryObjectStore();
    const mine = await publishRevision(store, aSpec({ name: 'mine' }), 7);
    const theirs = await publishRevision(store, aSpec({ name: 'theirs' }), 7);
    expect([mine.key, theirs.key]).toEqual(['jobs/job-1/spec-7.json', 'jobs/job-1/spec-8.json']);
    expect((await publishRevision(store, aSpec({ name: 'mine', createdAt: later }), 7)).sha256).toBe(
      mine.sha256,
    );
  });
});

it('compares specs by what they ask for, not by time or the order of keys', () => {
  const one = aSpec();
  const { keep, ...rest } = aSpec({ createdAt: later });
  expect(isSameJob(one, { keep, ...rest })).toBe(true);
  expect(isSameJob(one, { ...rest, keep: { last: 4, best: true } })).toBe(false);
});
