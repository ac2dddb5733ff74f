import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import {
  type DirectoryObjectStore,
  openDirectoryObjectStore,
} from '../../../lib/store/directory-object-store.ts';
import { DirectoryProcess, startTogether } from '../../support/directory-processes.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';

const textOf = (body: Uint8Array | undefined): string => new TextDecoder().decode(body);

describe('a directory store that several processes share', () => {
  let folder: Awaited<ReturnType<typeof scratchFolder>>;
  let store: DirectoryObjectStore;
  let uri: string;
  beforeEach(async () => {
    folder = await scratchFolder();
    uri = pathToFileURL(folder.dir).href;
    store = await openDirectoryObjectStore(uri);
  });
  afterEach(async () => {
    await store.close();
    await folder.remove();
  });

  it('lets exactly one of four processes create each of 50 keys', async () => {
    const processes = await startTogether(4, { role: 'create', uri, slots: 50 });
    await Promise.all(processes.map(async (each) => each.ends()));
    for (let slot = 0; slot < 50; slot++) {
      const winners = processes.filter(({ said }) =>
        said.some((line) => JSON.stringify(line) === JSON.stringify({ slot, outcome: 'created' })),
      );
      expect(winners).toHaveLength(1);
      expect(textOf((await store.get(`slots/${slot}`))?.body)).toBe(String(winners[0]?.pid));
    }
    expect(processes.map(({ said }) => said.length)).toEqual([50, 50, 50, 50]);
  });

  it('loses no increment of a counter that four processes share', async () => {
    await store.put('counter', new TextEncoder().encode('0'));
    const processes = await startTogether(4, { role: 'increment', uri, times: 25 });
    await Promise.all(processes.map(async (each) => each.ends()));
    expect(textOf((await store.get('counter'))?.body)).toBe('100');
  });

  it('counts right while incrementing processes are killed at random instants', async () => {
    const seed = 20_260_801;
    const random = seededRandom(seed);
    await store.put('counter', new TextEncoder().encode('0'));
    let acknowledged = 0;
    const rounds = 3;
    const writers = 3;
    for (let round = 0; round < rounds; round++) {
      const processes = await startTogether(writers, { role: 'increment', uri, times: 1_000_000 });
      await Promise.all(processes.map(async (each) => each.says(1)));
      await systemClock.sleep(random.next() * 60);
      await Promise.all(processes.map(async (each) => each.kill()));
      acknowledged += processes.reduce((sum, { said }) => sum + said.length, 0);
    }
    const counted = Number(textOf((await store.get('counter'))?.body));
    // A killed writer may have counted once more than it could say.
    expect(counted, `seed ${seed}`).toBeGreaterThanOrEqual(acknowledged);
    expect(counted, `seed ${seed}`).toBeLessThanOrEqual(acknowledged + rounds * writers);
    const startedAt = systemClock.monotonicMs();
    await store.put('counter', new TextEncoder().encode('free'));
    expect(systemClock.monotonicMs() - startedAt, 'a lock outlived its holder').toBeLessThan(3_000);
  });

  it('shows no half of an object when its writer is killed', async () => {
    const seed = 7;
    const random = seededRandom(seed);
    const bytes = 3_000_000;
    for (let round = 0; round < 6; round++) {
      const writer = new DirectoryProcess({ role: 'write', uri, bytes });
      await writer.go();
      if (round % 2 === 0) await writer.says(1);
      await systemClock.sleep(random.next() * 40);
      await writer.kill();
      const { objects } = await store.list('');
      for (const { key } of objects) {
        const body = (await store.get(key))?.body ?? new Uint8Array(0);
        expect(key, `seed ${seed}`).toMatch(/^big\/(put|created-\d+-\d+)$/);
        expect(body.byteLength, `seed ${seed}, ${key}`).toBeGreaterThanOrEqual(bytes);
        expect(Buffer.from(body).equals(Buffer.alloc(body.byteLength, body[0])), `seed ${seed}`).toBe(true);
      }
      if (round % 2 === 0) expect(objects.map(({ key }) => key)).toContain('big/put');
      await store.delete(objects.map(({ key }) => key));
    }
  });

  it('breaks the lock of a process that was killed while it held it, at once', async () => {
    const holder = new DirectoryProcess({ role: 'lock', dir: `${folder.dir}/.locks`, name: 'held' });
    await holder.go();
    await holder.says(1);
    await holder.kill();
    const startedAt = systemClock.monotonicMs();
    await store.put('held', new Uint8Array(1));
    expect(systemClock.monotonicMs() - startedAt).toBeLessThan(3_000);
  });
});
