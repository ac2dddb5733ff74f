import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Clock, systemClock } from '../base/clock.ts';
import { makeFolder, removeOldFiles } from '../base/durable-files.ts';
import { type Random, systemRandom } from '../base/random.ts';
import { translateFileError } from '../base/translate-file-error.ts';
import { Bandwidth } from './bandwidth.ts';
import { checkDigest } from './check-digest.ts';
import { DirectoryFiles, type FileVersion, type StagedFile } from './directory-files.ts';
import { type DirectoryAddress, parseDirectoryUri } from './directory-uri.ts';
import { FileLocks } from './file-locks.ts';
import { pathOfKey } from './key-paths.ts';
import {
  type CopyResult,
  type CreateResult,
  type ListedObject,
  type ObjectPage,
  type ObjectStore,
  type PutOptions,
  type ReadOptions,
  type ReplaceResult,
  type StoredObject,
  type Written,
  pageSizeMax,
} from './object-store.ts';
import { type FoundFile, walkDirectory } from './walk-directory.ts';

/** A put stages its file for moments; what is older was left by a killed writer. */
const leftoverMs = 3_600_000;
/** Deletes and looks at files that run at once: as many as libuv has threads, four times over. */
const lanes = 16;

export interface DirectoryStorePorts {
  readonly clock?: Clock;
  readonly random?: Random;
}

interface Parts {
  readonly root: string;
  readonly clock: Clock;
  readonly files: DirectoryFiles;
  readonly locks: FileLocks;
  readonly bandwidth: Bandwidth | undefined;
}

/**
 * A store in one directory of one machine, shared by any number of its processes. Objects are plain files under their
 * keys' own paths (`key-paths.ts` lists what is escaped); `.temporary` and `.locks` are the store's own.
 *
 * Bytes are written to a temporary file and synced, then named by link(2) (create) or rename(2) (put), and the folder is
 * synced. A process killed at any instant leaves at most a temporary file, which a later open removes after an hour, and
 * a lock, which the next writer of that key breaks. Whoever changes what exists (put, replace, delete) holds the key's lock
 * while it compares and renames; create and reads need none.
 *
 * ETags are opaque. Each write gives a new one, equal bytes or not; moving the directory to another disk changes all.
 */
export class DirectoryObjectStore implements ObjectStore {
  readonly uri: string;
  readonly #root: string;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#root = parts.root;
    this.uri = pathToFileURL(parts.root).href;
  }

  async get(key: string, { signal }: ReadOptions = {}): Promise<StoredObject | undefined> {
    const path = pathOfKey(this.#root, key);
    return this.#translated(path, signal, async () => {
      const found = await this.#parts.files.read(path);
      if (found === undefined) return undefined;
      await this.#parts.bandwidth?.take(found.body.byteLength, signal);
      const { etag, lastModified } = found.version;
      return { key, body: found.body, etag, lastModified, serverTime: this.#parts.clock.now() };
    });
  }

  async head(key: string, { signal }: ReadOptions = {}): Promise<ListedObject | undefined> {
    const path = pathOfKey(this.#root, key);
    return this.#translated(path, signal, async () => this.#look({ key, path }));
  }

  async put(key: string, body: Uint8Array, options: PutOptions = {}): Promise<Written> {
    const { files } = this.#parts;
    const path = pathOfKey(this.#root, key);
    return this.#staged({ key, path, body, options }, async (staged) =>
      this.#parts.locks.holding(key, async () => {
        const newer = await files.outdate(staged, await files.versionOf(path));
        await files.replaceAt(path, newer);
        return this.#written(newer);
      }),
    );
  }

  async createIfAbsent(key: string, body: Uint8Array, options: PutOptions = {}): Promise<CreateResult> {
    const path = pathOfKey(this.#root, key);
    return this.#staged({ key, path, body, options }, async (staged): Promise<CreateResult> => {
      const outcome = await this.#parts.files.createAt(path, staged);
      return outcome === 'exists' ? { outcome } : { outcome, ...this.#written(staged) };
    });
  }

  async replaceIfMatch(
    key: string,
    body: Uint8Array,
    options: PutOptions & { readonly etag: string },
  ): Promise<ReplaceResult> {
    const { files } = this.#parts;
    const path = pathOfKey(this.#root, key);
    return this.#staged({ key, path, body, options }, async (staged) =>
      this.#parts.locks.holding(key, async (): Promise<ReplaceResult> => {
        const current = await files.versionOf(path);
        if (current?.etag !== options.etag) return { outcome: 'changed' };
        const newer = await files.outdate(staged, current);
        await files.replaceAt(path, newer);
        return { outcome: 'replaced', ...this.#written(newer) };
      }),
    );
  }

  /** Nothing crosses the line whose bandwidth is played, so that a copy pays nothing for it. */
  async copy(from: string, to: string, { signal }: ReadOptions = {}): Promise<CopyResult> {
    const { files, locks } = this.#parts;
    const [source, path] = [pathOfKey(this.#root, from), pathOfKey(this.#root, to)];
    return this.#translated(path, signal, async (): Promise<CopyResult> => {
      const staged = await files.stageCopy(source);
      if (staged === undefined) return { outcome: 'missing' };
      return this.#placed(staged, signal, async () =>
        locks.holding(to, async (): Promise<CopyResult> => {
          const newer = await files.outdate(staged, await files.versionOf(path));
          await files.replaceAt(path, newer);
          return { outcome: 'copied', sha256: undefined, ...this.#written(newer) };
        }),
      );
    });
  }

  async list(
    prefix: string,
    options: ReadOptions & { readonly after?: string; readonly limit?: number } = {},
  ): Promise<ObjectPage> {
    const { after, limit = pageSizeMax, signal } = options;
    const size = Math.min(limit, pageSizeMax);
    return this.#translated(this.#root, signal, async () => {
      const found: FoundFile[] = [];
      for await (const file of walkDirectory(this.#root, { prefix, after })) {
        signal?.throwIfAborted();
        if (found.push(file) > size) break;
      }
      const page = found.slice(0, size);
      const looks = await inLanes(page, async (file) => this.#look(file));
      return {
        objects: looks.filter((object) => object !== undefined),
        next: found.length > size ? page.at(-1)?.key : undefined,
        serverTime: this.#parts.clock.now(),
      };
    });
  }

  async delete(keys: readonly string[], { signal }: ReadOptions = {}): Promise<void> {
    const { files, locks } = this.#parts;
    await this.#translated(this.#root, signal, async () => {
      const paths = await inLanes(keys, async (key) => {
        signal?.throwIfAborted();
        const path = pathOfKey(this.#root, key);
        await locks.holding(key, async () => files.remove(path));
        return path;
      });
      for (const folder of new Set(paths.map((path) => dirname(path)))) await files.tidy(folder);
    });
  }

  async close(): Promise<void> {
    await this.#parts.locks.close();
  }

  /** Pays for the bytes, stages them, and leaves no staged file behind whatever `place` does. */
  async #staged<Result>(
    write: {
      readonly key: string;
      readonly path: string;
      readonly body: Uint8Array;
      readonly options: PutOptions;
    },
    place: (staged: StagedFile) => Promise<Result>,
  ): Promise<Result> {
    const { key, path, body, options } = write;
    const { sha256, signal } = options;
    return this.#translated(path, signal, async () => {
      checkDigest(key, body, sha256);
      await this.#parts.bandwidth?.take(body.byteLength, signal);
      const staged = await this.#parts.files.stage(body);
      return this.#placed(staged, signal, () => place(staged));
    });
  }

  async #placed<Result>(
    staged: StagedFile,
    signal: AbortSignal | undefined,
    place: () => Promise<Result>,
  ): Promise<Result> {
    try {
      signal?.throwIfAborted();
      return await place();
    } finally {
      await this.#parts.files.discard(staged);
    }
  }

  async #look({ key, path }: FoundFile): Promise<ListedObject | undefined> {
    const version = await this.#parts.files.versionOf(path);
    return version === undefined ? undefined : listed(key, version);
  }

  #written({ version }: StagedFile): Written {
    return { etag: version.etag, serverTime: this.#parts.clock.now() };
  }

  async #translated<Result>(
    path: string,
    signal: AbortSignal | undefined,
    work: () => Promise<Result>,
  ): Promise<Result> {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      throw translateFileError(error, path);
    }
  }
}

/**
 * Opens the directory of a `file:///dir?bytesPerSecond=…` URI, and makes it where it is missing.
 * @throws UsageError for a URI that does not name a directory
 */
export async function openDirectoryObjectStore(
  uri: string,
  ports: DirectoryStorePorts = {},
): Promise<DirectoryObjectStore> {
  const address = parseDirectoryUri(uri);
  try {
    return await openAt(address, ports);
  } catch (error) {
    throw translateFileError(error, address.dir);
  }
}

async function openAt(
  { dir, bytesPerSecond }: DirectoryAddress,
  { clock = systemClock, random = systemRandom }: DirectoryStorePorts,
): Promise<DirectoryObjectStore> {
  await makeFolder(dir);
  const root = await realpath(dir);
  const temporary = join(root, '.temporary');
  await makeFolder(temporary);
  await removeOldFiles(temporary, new Date(clock.now().getTime() - leftoverMs));
  return new DirectoryObjectStore({
    root,
    clock,
    files: new DirectoryFiles({ root, temporary, clock, random }),
    locks: await FileLocks.open(join(root, '.locks'), { clock, random }),
    bandwidth: bytesPerSecond === undefined ? undefined : new Bandwidth({ bytesPerSecond, clock }),
  });
}

function listed(key: string, { bytes, etag, lastModified }: FileVersion): ListedObject {
  return { key, bytes, etag, lastModified };
}

/** Results in the order of `items`, a few at a time. */
async function inLanes<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += lanes)
    results.push(...(await Promise.all(items.slice(start, start + lanes).map(work))));
  return results;
}
