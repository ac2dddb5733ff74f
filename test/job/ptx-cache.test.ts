import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PtxCache, ptxCacheName } from '../../job/ptx-cache.ts';
import { runCommand, type RunCommand } from '../../job/run-command.ts';
import { type Clock, systemClock } from '../../lib/base/clock.ts';
import { deferred } from '../../lib/base/deferred.ts';
import { jsonLog } from '../../lib/base/log.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { MemoryObjectStore } from '../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { tempDir } from '../support/temp-dir.ts';

const name = ptxCacheName(
  { name: 'NVIDIA A10G', driver: '595.91.07', memoryMib: 23_028, computeCapability: '8.6' },
  'ab'.repeat(32),
);
const key = objectKeys.ptxCache(name);
const never = new AbortController().signal;
const mebibyte = 1024 * 1024;

interface Machine {
  readonly cache: PtxCache;
  readonly folder: string;
  /** Events of the log. */
  readonly events: string[];
  /** What the driver would leave behind. */
  compile(file: string, bytes: number): void;
  files(): readonly string[];
}

function machine(
  store: ObjectStore,
  more: { readonly clock?: Clock; readonly run?: RunCommand } = {},
): Machine {
  const dir = tempDir();
  const folder = join(dir, 'ptx');
  mkdirSync(folder);
  const events: string[] = [];
  const { clock = systemClock, run = runCommand } = more;
  const log = jsonLog({ clock: systemClock, write: (line) => void events.push(JSON.parse(line).event) });
  const random = seededRandom(folder.length);
  return {
    cache: new PtxCache({ folder, scratchDir: dir, name, store, clock, log, run }),
    folder,
    events,
    compile(file, bytes) {
      mkdirSync(join(folder, '0'), { recursive: true });
      writeFileSync(
        join(folder, '0', file),
        Uint8Array.from({ length: bytes }, () => Math.floor(random.next() * 256)),
      );
    },
    files: () =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => entry.name)
        .toSorted(),
  };
}

/** A clock whose looks at the folder are taken one by one; time limits never run out. */
function steppedClock(): { readonly clock: Clock; readonly look: () => Promise<void> } {
  let waiting = deferred();
  let resume = deferred();
  return {
    clock: {
      ...systemClock,
      async sleep(ms, signal) {
        const ended = deferred();
        signal?.addEventListener('abort', () => ended.reject(signal.reason));
        if (ms !== 30_000) return ended.promise;
        waiting.resolve();
        return Promise.race([resume.promise, ended.promise]);
      },
    },
    async look() {
      await waiting.promise;
      const last = resume;
      waiting = deferred();
      resume = deferred();
      last.resolve();
      await waiting.promise;
    },
  };
}

describe('compiled GPU code', () => {
  it('is named by GPU, capability, driver and library, as a key may be spelled', () => {
    expect(name).toBe('nvidia-a10g_8.6_595.91.07_abababababababab');
    expect(key).toBe(`runtime/ptx/${name}.tar.gz`);
  });

  it('comes back on the next machine, byte by byte', async () => {
    const store = new MemoryObjectStore();
    const first = machine(store);
    await first.cache.restore(never);
    first.compile('kernel', 2 * mebibyte);
    await first.cache.saveAtEnd(never);
    expect(first.events).toEqual(['gpu-code-restored', 'gpu-code-kept']);
    const second = machine(store);
    await second.cache.restore(never);
    expect(second.files()).toEqual(['kernel']);
    expect(
      readFileSync(join(second.folder, '0/kernel')).equals(readFileSync(join(first.folder, '0/kernel'))),
    ).toBe(true);
    // It has not grown, so nothing is written.
    await second.cache.saveAtEnd(never);
    expect(second.events).toEqual(['gpu-code-restored']);
  });

  it('is kept while the job goes on, once it has grown and settled', async () => {
    const store = new MemoryObjectStore();
    const { clock, look } = steppedClock();
    const here = machine(store, { clock });
    const ended = new AbortController();
    await here.cache.restore(never);
    const following = here.cache.follow(ended.signal);
    here.compile('one', 2 * mebibyte);
    await look();
    expect(await store.head(key)).toBeUndefined();
    here.compile('two', 2 * mebibyte);
    await look();
    expect(await store.head(key)).toBeUndefined();
    await look();
    expect((await store.head(key))?.bytes).toBeGreaterThan(3 * mebibyte);
    here.compile('three', 1000);
    await look();
    await look();
    expect(here.events.filter((event) => event === 'gpu-code-kept')).toHaveLength(1);
    ended.abort();
    await following;
  });

  it('that is damaged is left alone, and nothing of it reaches the driver', async () => {
    const store = new MemoryObjectStore();
    const first = machine(store);
    await first.cache.restore(never);
    first.compile('kernel', 2 * mebibyte);
    await first.cache.saveAtEnd(never);
    const whole = (await store.get(key))?.body ?? new Uint8Array();
    const flipped = Uint8Array.from(whole);
    flipped[whole.length - 100] = (flipped[whole.length - 100] ?? 0) ^ 1;
    for (const body of [
      flipped,
      whole.subarray(0, whole.length / 2),
      new Uint8Array(),
      Buffer.from('holdfast ptx 1 '),
    ]) {
      await store.put(key, body);
      const next = machine(store);
      await next.cache.restore(never);
      expect(next.events).toEqual(['gpu-code-not-restored']);
      expect(next.files()).toEqual([]);
    }
  });

  it('leaves no half of an archive behind when unpacking fails', async () => {
    const store = new MemoryObjectStore();
    const first = machine(store);
    await first.cache.restore(never);
    first.compile('kernel', 2 * mebibyte);
    await first.cache.saveAtEnd(never);
    const broken: RunCommand = async (command, args, limits) => {
      await runCommand(command, args, limits);
      throw new Error('no space left on device');
    };
    const next = machine(store, { run: broken });
    await next.cache.restore(never);
    expect(next.events).toEqual(['gpu-code-not-restored']);
    expect(next.files()).toEqual([]);
  });

  it('is left as it is on a machine that has some already', async () => {
    const store = new MemoryObjectStore();
    await store.put(key, Buffer.from('never read'));
    const here = machine(store);
    here.compile('kernel', 10);
    await here.cache.restore(never);
    expect(here.events).toEqual(['gpu-code-restored']);
    expect(here.files()).toEqual(['kernel']);
  });

  it('never replaces more than it is', async () => {
    const store = new MemoryObjectStore();
    const [much, little] = [machine(store), machine(store)];
    for (const { cache } of [much, little]) await cache.restore(never);
    much.compile('kernel', 4 * mebibyte);
    little.compile('kernel', 2 * mebibyte);
    await much.cache.saveAtEnd(never);
    const { etag } = (await store.head(key)) ?? { etag: '' };
    await little.cache.saveAtEnd(never);
    expect((await store.head(key))?.etag).toBe(etag);
  });

  it('waits for nothing once the instance is to stop', async () => {
    const store = new MemoryObjectStore();
    const here = machine(store, { run: () => new Promise(() => {}) });
    await here.cache.restore(never);
    here.compile('kernel', 2 * mebibyte);
    const stopped = new AbortController();
    const saving = here.cache.saveAtEnd(stopped.signal);
    stopped.abort();
    await saving;
    expect(await store.head(key)).toBeUndefined();
    expect(here.events).toEqual(['gpu-code-restored']);
  });

  it('ends no worker with a failure when its folder cannot be looked through any more', async () => {
    const here = machine(new MemoryObjectStore());
    await here.cache.restore(never);
    rmSync(here.folder, { recursive: true });
    symlinkSync(here.folder, here.folder);
    await here.cache.saveAtEnd(never);
    expect(here.events).toEqual(['gpu-code-restored', 'gpu-code-not-kept']);
  });

  it('costs no job when the store is away', async () => {
    const away = new Error('the store is away');
    const store = Object.assign(new MemoryObjectStore(), {
      get: () => Promise.reject(away),
      head: () => Promise.reject(away),
    });
    const here = machine(store);
    await here.cache.restore(never);
    here.compile('kernel', 2 * mebibyte);
    await here.cache.saveAtEnd(never);
    expect(here.events).toEqual(['gpu-code-not-restored', 'gpu-code-not-kept']);
  });
});
