import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Clock, pause } from '../lib/base/clock.ts';
import { sha256Hex } from '../lib/base/digest.ts';
import { messageOf } from '../lib/base/errors.ts';
import { unlessMissing } from '../lib/base/file-errors.ts';
import type { Log } from '../lib/base/log.ts';
import { withTimeLimit } from '../lib/base/time-limit.ts';
import { objectKeys } from '../lib/contract/object-keys.ts';
import type { ObjectStore } from '../lib/store/object-store.ts';
import type { Gpu } from './gpu-probe.ts';
import type { RunCommand } from './run-command.ts';

export interface PtxCacheOptions {
  /** Where the driver keeps what it compiled (`CUDA_CACHE_PATH`). */
  readonly folder: string;
  /** For archives on their way. */
  readonly scratchDir: string;
  /** From `ptxCacheName`. */
  readonly name: string;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly run: RunCommand;
}

/** Code compiled for one driver, GPU and library fits no other. */
export function ptxCacheName(gpu: Gpu, runtime: string): string {
  const words = [gpu.name, gpu.computeCapability, gpu.driver, runtime.slice(0, 16)];
  return words.map((word) => word.toLowerCase().replaceAll(/[^a-z0-9.]+/g, '-')).join('_');
}

/** An object is this line, the digest of the rest in hexadecimal, a newline, and a compressed tar archive. */
const heading = 'holdfast ptx 1 ';
const headingBytes = heading.length + 64 + 1;

/** Held in memory once while it travels, beside checkpoints; a few seconds of a machine's network. */
const archiveBytesMax = 512 * 1024 * 1024;
/** Between two looks at the folder. It is kept once two looks find it alike: nothing is being compiled just then. */
const lookMs = 30_000;
/** Below this the next machine compiles faster than it downloads. */
const growthBytesMin = 1024 * 1024;
/** A program that compiles something new for ever must not upload it for ever. */
const savesMax = 8;
/** Compiling anew takes minutes; a download that takes longer than this does not save them. */
const restoreTimeoutMs = 60_000;
/** Beside a job that trains on, at the lowest priority. */
const saveTimeoutMs = 120_000;
/** A worker that ends without haste may spend this long on those who come after it. */
const lastSaveTimeoutMs = 30_000;

/**
 * What the GPU's driver compiled, kept in the store for the machines that come after this one: on GPUs newer than the
 * native library (g5, g6, p4, p5), the first use of each operation is translated from PTX, minutes in all, on every fresh
 * instance. A cache that is absent, damaged, or cannot be written costs those minutes and nothing else, hence every error
 * here is logged and work goes on. Compression runs at the lowest priority in a process of its own, and everything stops
 * at the signal.
 */
export class PtxCache {
  readonly #options: PtxCacheOptions;
  #savedBytes = 0;
  #saves = 0;

  constructor(options: PtxCacheOptions) {
    this.#options = options;
  }

  get #key(): string {
    return objectKeys.ptxCache(this.#options.name);
  }

  /** Fills the folder from the store, unless it holds something already. */
  async restore(signal: AbortSignal): Promise<void> {
    const { folder, clock, log, name } = this.#options;
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      if ((await readdir(folder)).length === 0) {
        await withTimeLimit((limited) => this.#download(limited), {
          clock,
          limitMs: restoreTimeoutMs,
          what: 'restoring compiled GPU code',
          signal,
        });
      }
      this.#savedBytes = await bytesBelow(folder);
      log.info('gpu-code-restored', { name, bytes: this.#savedBytes });
    } catch (error) {
      log.warn('gpu-code-not-restored', { name, message: messageOf(error) });
      // Half of it may be there. The driver is to find a file whole or not at all.
      await emptied(folder).catch((failure: unknown) =>
        log.warn('gpu-code-not-removed', { name, message: messageOf(failure) }),
      );
    }
  }

  /** Keeps what is compiled from now on, whenever it has grown and settled. Returns at the signal. */
  async follow(signal: AbortSignal): Promise<void> {
    let before = this.#savedBytes;
    while (this.#saves < savesMax && (await pause(this.#options.clock, lookMs, signal))) {
      const bytes = await this.#size();
      if (bytes === before) await this.#save(bytes, { limitMs: saveTimeoutMs, signal });
      before = bytes;
    }
  }

  /** Keeps what was compiled since, once. For a worker that ends without haste. */
  async saveAtEnd(signal: AbortSignal): Promise<void> {
    if (this.#saves >= savesMax) return;
    try {
      await this.#save(await this.#size(), { limitMs: lastSaveTimeoutMs, signal });
    } catch (error) {
      // A folder that cannot be looked through must not turn the end of a worker that was done into a failure.
      const { log, name } = this.#options;
      log.warn('gpu-code-not-kept', { name, message: messageOf(error) });
    }
  }

  async #download(signal: AbortSignal): Promise<void> {
    const { store, folder, scratchDir, run } = this.#options;
    const object = await store.get(this.#key, { signal });
    if (object === undefined) return;
    const archive = verified(object.body);
    const path = join(scratchDir, 'ptx-restore.tar.gz');
    try {
      await writeFile(path, archive, { mode: 0o600 });
      await run('tar', ['-xzf', path, '--no-same-owner', '-C', folder], {
        timeoutMs: restoreTimeoutMs,
        signal,
      });
    } finally {
      await rm(path, { force: true });
    }
  }

  async #save(bytes: number, within: { limitMs: number; signal: AbortSignal }): Promise<void> {
    if (bytes < this.#savedBytes + growthBytesMin) return;
    const { clock, log, name } = this.#options;
    this.#saves += 1;
    try {
      const what = 'keeping compiled GPU code';
      await withTimeLimit((limited) => this.#upload(bytes, limited), { clock, what, ...within });
    } catch (error) {
      if (!within.signal.aborted) log.warn('gpu-code-not-kept', { name, message: messageOf(error) });
    }
  }

  async #upload(bytes: number, signal: AbortSignal): Promise<void> {
    const { store, folder, scratchDir, run, log, name } = this.#options;
    const path = join(scratchDir, 'ptx-save.tar.gz');
    try {
      await run('nice', ['-n', '19', 'tar', '-I', 'gzip -1', '-cf', path, '-C', folder, '.'], {
        timeoutMs: saveTimeoutMs,
        signal,
      });
      const { size } = await stat(path);
      const known = await store.head(this.#key, { signal });
      this.#savedBytes = bytes;
      if (size > archiveBytesMax) return log.warn('gpu-code-too-large', { name, bytes: size });
      // Another machine has kept more in the meantime.
      if (known !== undefined && known.bytes >= headingBytes + size) return;
      const head = Buffer.from(`${heading}${await sha256OfFile(path)}\n`);
      await store.put(this.#key, Buffer.concat([head, await readFile(path)]), { signal });
      log.info('gpu-code-kept', { name, bytes: size });
    } finally {
      await rm(path, { force: true });
    }
  }

  async #size(): Promise<number> {
    return bytesBelow(this.#options.folder);
  }
}

/** The archive in an object. Throws when the bytes are not those that were kept. */
function verified(body: Uint8Array): Uint8Array {
  const head = Buffer.from(body.subarray(0, headingBytes)).toString('latin1');
  const archive = body.subarray(headingBytes);
  if (!head.startsWith(heading) || head.slice(heading.length, -1) !== sha256Hex(archive)) {
    throw new Error('what is kept is damaged');
  }
  return archive;
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

async function emptied(folder: string): Promise<void> {
  for (const name of (await unlessMissing(readdir(folder))) ?? []) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Sum of all file lengths; files that vanish meanwhile count as nothing. */
async function bytesBelow(folder: string): Promise<number> {
  const entries = (await unlessMissing(readdir(folder, { recursive: true, withFileTypes: true }))) ?? [];
  let bytes = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    bytes += (await unlessMissing(stat(join(entry.parentPath, entry.name))))?.size ?? 0;
  }
  return bytes;
}
