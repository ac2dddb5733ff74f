import { describe, expect, it } from 'vitest';
import { listJobIds } from '../../../lib/journal/list-jobs.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { portsOf, submittedJournal } from '../../support/journal-world.ts';
import { recordingStore } from '../../support/recording-object-store.ts';

async function idsIn(store: Parameters<typeof listJobIds>[0]): Promise<string[]> {
  const ids: string[] = [];
  for await (const id of listJobIds(store)) ids.push(id);
  return ids;
}

const bytes = new Uint8Array([1]);

describe('listing jobs', () => {
  it('finds none in an empty store', async () => {
    expect(await idsIn(new MemoryObjectStore())).toEqual([]);
  });

  it('tells neighbours apart whose ids begin alike', async () => {
    const ports = portsOf();
    for (const id of ['job-10', 'job-1', 'job-1-1', 'job-100', 'job-2', 'job'])
      await submittedJournal(ports, id);
    expect((await idsIn(ports.store)).toSorted()).toEqual([
      'job',
      'job-1',
      'job-1-1',
      'job-10',
      'job-100',
      'job-2',
    ]);
  });

  it('skips the rest of a job that fills a page, and misses no neighbour', async () => {
    const inner = new MemoryObjectStore();
    const ids = ['a', 'a-0', 'a0', 'a1', 'b'];
    for (const id of ids) {
      for (let index = 0; index < 2_100; index++)
        await inner.put(`jobs/${id}/checkpoints/1-1-step1/${index}`, bytes);
    }
    const store = recordingStore(inner);
    expect((await idsIn(store)).toSorted()).toEqual(ids);
    expect(store.calls.length).toBeLessThanOrEqual(ids.length + 1);
  });

  it('passes over what is no job', async () => {
    const store = new MemoryObjectStore();
    await store.put('jobs/Not A Job/x', bytes);
    await store.put('programs/abc/program.mjs', bytes);
    await store.put('jobs/real/spec-1.json', bytes);
    expect(await idsIn(store)).toEqual(['real']);
  });
});
