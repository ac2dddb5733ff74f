import { chmod, mkdir, readFile, readdir, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { AccessDeniedError, UsageError } from '../../../lib/base/errors.ts';
import { seededRandom, systemRandom } from '../../../lib/base/random.ts';
import {
  type DirectoryObjectStore,
  type DirectoryStorePorts,
  openDirectoryObjectStore,
} from '../../../lib/store/directory-object-store.ts';
import { FileLocks } from '../../../lib/store/file-locks.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { describeObjectStore } from './object-store-contract.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describeObjectStore('DirectoryObjectStore', async () => {
  const { dir, remove } = await scratchFolder();
  const store = await openDirectoryObjectStore(pathToFileURL(dir).href);
  return {
    store,
    cleanUp: async () => {
      expect(await readdir(join(dir, '.temporary'))).toEqual([]);
      await store.close();
      expect(await readdir(join(dir, '.locks'))).toEqual([]);
      await remove();
    },
  };
});

describe('DirectoryObjectStore', () => {
  let folder: Awaited<ReturnType<typeof scratchFolder>>;
  const opened: DirectoryObjectStore[] = [];
  beforeEach(async () => {
    folder = await scratchFolder();
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    await folder.remove();
  });

  const open = async (query = '', ports: DirectoryStorePorts = {}): Promise<DirectoryObjectStore> => {
    const store = await openDirectoryObjectStore(`${pathToFileURL(folder.dir).href}${query}`, ports);
    opened.push(store);
    return store;
  };

  it('shows objects as files under their keys’ own paths', async () => {
    const store = await open();
    await store.put('jobs/a/checkpoints/1-1-step20/manifest.json', bytesOf('{}'));
    const path = join(folder.dir, 'jobs', 'a', 'checkpoints', '1-1-step20', 'manifest.json');
    expect(await readFile(path, 'utf8')).toBe('{}');
  });

  it('removes folders that a delete left empty, and never its own', async () => {
    const store = await open();
    await store.put('jobs/a/deep/down.json', bytesOf('x'));
    await store.put('jobs/b.json', bytesOf('x'));
    await store.delete(['jobs/a/deep/down.json']);
    expect(await readdir(join(folder.dir, 'jobs'))).toEqual(['b.json']);
    await store.delete(['jobs/b.json']);
    expect((await readdir(folder.dir)).toSorted()).toEqual(['.locks', '.temporary']);
  });

  it('writes into folders that deletes take away at the same time', async () => {
    const [writer, deleter] = [await open(), await open()];
    for (let round = 0; round < 40; round++) {
      const key = `jobs/${round % 3}/deep/${round}.json`;
      const other = `jobs/${round % 3}/deep/other.json`;
      await writer.put(other, bytesOf('x'));
      await Promise.all([writer.put(key, bytesOf('kept')), deleter.delete([other])]);
      expect((await writer.get(key))?.body).toEqual(bytesOf('kept'));
      await deleter.delete([key]);
    }
  });

  it('gives every write a new ETag, equal bodies or not', async () => {
    const store = await open('', { clock: manualClock(), random: seededRandom(1) });
    const seen = new Set<string>();
    for (let round = 0; round < 100; round++) {
      seen.add((await store.put('key', bytesOf('same'))).etag);
      await store.delete(round % 3 === 0 ? ['key'] : []);
    }
    expect(seen.size).toBe(100);
  });

  it('gives a new ETag in another opener too, whose clock is behind', async () => {
    const clock = manualClock();
    const ahead = await open('', { clock });
    const behind = await open('', { clock: manualClock(new Date('2001-01-01T00:00:00Z')) });
    const first = await ahead.put('key', bytesOf('one'));
    const second = await behind.put('key', bytesOf('two'));
    expect(second.etag).not.toBe(first.etag);
    const [one, two] = [await ahead.head('key'), await behind.head('key')];
    expect(two?.lastModified).toEqual(one?.lastModified);
    expect(one?.lastModified.getTime()).toBeGreaterThanOrEqual(clock.now().getTime());
    expect(await ahead.replaceIfMatch('key', bytesOf('x'), { etag: first.etag })).toEqual({
      outcome: 'changed',
    });
    expect((await ahead.replaceIfMatch('key', bytesOf('x'), { etag: second.etag })).outcome).toBe('replaced');
  });

  it('tells the time of the injected clock', async () => {
    const clock = manualClock();
    const store = await open('', { clock });
    await store.put('key', bytesOf('x'));
    await clock.advance(90_000);
    const got = await store.get('key');
    expect((got?.serverTime.getTime() ?? 0) - (got?.lastModified.getTime() ?? 0)).toBe(90_000);
  });

  it('takes the time that its bandwidth allows, and shows an object only when it is paid for', async () => {
    const clock = manualClock();
    const store = await open('?bytesPerSecond=100000', { clock });
    const pending = store.put('key', new Uint8Array(1_000_000));
    await clock.advance(9_000);
    expect(await store.head('key')).toBeUndefined();
    expect(await readdir(join(folder.dir, '.temporary'))).toEqual([]);
    await clock.advance(2_000);
    await pending;
    const reading = store.get('key');
    let isRead = false;
    const watching = reading.then(() => {
      isRead = true;
    });
    // The file is read in the background; only then does the wait for the line begin.
    while (clock.sleepers === 0) await systemClock.sleep(1);
    await clock.advance(9_000);
    expect(isRead).toBe(false);
    await clock.advance(2_000);
    await watching;
  });

  it('stops paying when the signal is aborted, and writes nothing', async () => {
    const clock = manualClock();
    const store = await open('?bytesPerSecond=1000', { clock });
    const abort = new AbortController();
    const pending = store.createIfAbsent('key', new Uint8Array(1_000_000), { signal: abort.signal });
    await clock.advance(1_000);
    abort.abort(new Error('deadline'));
    await expect(pending).rejects.toThrow('deadline');
    expect(await store.head('key')).toBeUndefined();
    expect(await readdir(join(folder.dir, '.temporary'))).toEqual([]);
  });

  it('is one store by any of its names: the bandwidth and links do not count', async () => {
    const plain = await open();
    const slow = await open('?bytesPerSecond=5');
    await symlink(folder.dir, `${folder.dir}-link`);
    const linked = await openDirectoryObjectStore(`${pathToFileURL(folder.dir).href}-link`);
    opened.push(linked);
    expect([slow.uri, linked.uri]).toEqual([plain.uri, plain.uri]);
    await unlink(`${folder.dir}-link`);
  });

  it('makes the directory where it is missing', async () => {
    const store = await openDirectoryObjectStore(`${pathToFileURL(folder.dir).href}/not/yet`);
    opened.push(store);
    await store.put('key', bytesOf('x'));
    expect(await readdir(join(folder.dir, 'not', 'yet'))).toContain('key%');
  });

  it('changes what exists only under the key’s lock; creating and reading need none', async () => {
    const store = await open();
    const { etag } = await store.put('key', bytesOf('old'));
    await store.put('other', bytesOf('other'));
    const other = await FileLocks.open(join(folder.dir, '.locks'), {
      clock: systemClock,
      random: systemRandom,
    });
    const ended: string[] = [];
    const changes: Promise<unknown>[] = [];
    await other.holding('key', async () => {
      const act = (name: string, change: Promise<unknown>): void => {
        changes.push(change.then(() => ended.push(name)));
      };
      act('replace', store.replaceIfMatch('key', bytesOf('new'), { etag }));
      act('put', store.put('key', bytesOf('put')));
      act('copy', store.copy('other', 'key'));
      act('delete', store.delete(['key']));
      await systemClock.sleep(50);
      expect(await store.createIfAbsent('key', bytesOf('x'))).toEqual({ outcome: 'exists' });
      expect((await store.get('key'))?.body).toEqual(bytesOf('old'));
      expect(ended).toEqual([]);
    });
    await Promise.all(changes);
    expect(ended.toSorted()).toEqual(['copy', 'delete', 'put', 'replace']);
    await other.close();
  });

  it('removes what a killed writer left, once it is an hour old', async () => {
    await open();
    const temporary = join(folder.dir, '.temporary');
    for (const [name, ageMs] of [
      ['old', 3_700_000],
      ['young', 3_500_000],
    ] as const) {
      await writeFile(join(temporary, name), 'half');
      const at = new Date(systemClock.now().getTime() - ageMs);
      await utimes(join(temporary, name), at, at);
    }
    await open();
    expect(await readdir(temporary)).toEqual(['young']);
  });

  it('lists nothing that no key put there', async () => {
    const store = await open();
    await store.put('key.json', bytesOf('x'));
    await writeFile(join(folder.dir, 'README'), 'mine');
    await mkdir(join(folder.dir, '.git'));
    await writeFile(join(folder.dir, '.git', 'config'), 'mine');
    await symlink('/etc', join(folder.dir, 'etc'));
    expect((await store.list('')).objects.map(({ key }) => key)).toEqual(['key.json']);
  });

  it('refuses a key that no file system can hold, as the caller’s fault', async () => {
    const store = await open();
    await expect(store.put('x'.repeat(300), bytesOf('x'))).rejects.toBeInstanceOf(UsageError);
  });

  it.skipIf(process.getuid?.() === 0)(
    'says that access was denied, never that the object is gone',
    async () => {
      const store = await open();
      await store.put('jobs/a.json', bytesOf('x'));
      await chmod(join(folder.dir, 'jobs'), 0o000);
      await expect(store.get('jobs/a.json')).rejects.toBeInstanceOf(AccessDeniedError);
      await expect(store.list('jobs/')).rejects.toBeInstanceOf(AccessDeniedError);
      await chmod(join(folder.dir, 'jobs'), 0o755);
    },
  );

  it('keeps one version together: body and ETag of a read never come from two writes', async () => {
    const store = await open();
    const bodies = new Map<string, string>();
    const write = async (round: number): Promise<void> => {
      const body = `${round}`.repeat(50_000);
      bodies.set((await store.put('key', bytesOf(body))).etag, body);
    };
    await write(0);
    const reads: { etag: string; text: string }[] = [];
    const writer = { done: false };
    const writing = (async () => {
      for (let round = 1; round < 25; round++) await write(round);
      writer.done = true;
    })();
    do {
      const got = await store.get('key');
      reads.push({ etag: got?.etag ?? '', text: new TextDecoder().decode(got?.body) });
    } while (!writer.done);
    await writing;
    for (const { etag, text } of reads) expect(bodies.get(etag) === text).toBe(true);
  });
});
