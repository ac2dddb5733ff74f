import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { silentLog } from '../../../lib/base/log.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { Clock } from '../../../lib/base/clock.ts';
import type { KeepPolicySpec } from '../../../lib/contract/job-spec.ts';
import type { Manifest, SaveReason } from '../../../lib/contract/manifest.ts';
import { type CommittedCheckpoint, commitCheckpoint } from '../../../lib/checkpoint/commit.ts';
import { type RestoreOptions, type RestoreResult, restoreNewest } from '../../../lib/checkpoint/restore.ts';
import type { CheckpointSource } from '../../../lib/checkpoint/source.ts';
import {
  type UploadOptions,
  type UploadedCheckpoint,
  uploadCheckpoint,
} from '../../../lib/checkpoint/upload.ts';
import type { Claim } from '../../../lib/journal/claim.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';

/** Content of a checkpoint: path → bytes. */
export type Files = Readonly<Record<string, Uint8Array>>;

/** Notes every call but deletes, in order; hooks say what happens around a put. */
export class WatchedStore extends MemoryObjectStore {
  readonly calls: string[] = [];
  beforePut: (key: string) => Promise<void> = async () => {};
  afterPut: (key: string) => void = () => {};

  override get: ObjectStore['get'] = async (key, options) => {
    this.calls.push(`get ${key}`);
    return super.get(key, options);
  };
  override head: ObjectStore['head'] = async (key, options) => {
    this.calls.push(`head ${key}`);
    return super.head(key, options);
  };
  override list: ObjectStore['list'] = async (prefix, options) => {
    this.calls.push(`list ${prefix}`);
    return super.list(prefix, options);
  };
  override put: ObjectStore['put'] = async (key, body, options) => {
    await this.beforePut(key);
    this.calls.push(`put ${key}`);
    const written = await super.put(key, body, options);
    this.afterPut(key);
    return written;
  };
}

/** Never waits and never moves, but for the retries' sleeps, which it counts. */
export function quickClock(): Clock & { sleeps: number } {
  const clock = {
    sleeps: 0,
    now: () => new Date('2030-01-01T00:00:00.000Z'),
    monotonicMs: () => clock.sleeps,
    sleep: async (_ms: number, signal?: AbortSignal) => {
      clock.sleeps++;
      signal?.throwIfAborted();
    },
  };
  return clock;
}

export const text = (content: string): Uint8Array => new TextEncoder().encode(content);

/** `length` bytes that no other seed gives. */
export function noise(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  for (let index = 0; index < words.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[index] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

export function memorySource(files: Files): CheckpointSource {
  return {
    files: Object.entries(files).map(([path, bytes]) => ({ path, bytes: bytes.byteLength })),
    available: async () => {},
    read: async (path, offset, length) => files[path]!.slice(offset, offset + length),
    complete: async () => {},
  };
}

const runtime = { backend: 'cpu', versions: { tfjs: '4.22.0' }, arch: 'x64' };
export const keepAll: KeepPolicySpec = { last: 1_000, best: true };

export interface SaveOptions {
  readonly store: ObjectStore;
  readonly claim: Claim;
  readonly files: Files;
  readonly ordinal: number;
  readonly step: number;
  readonly parent?: Manifest | undefined;
  readonly keep?: KeepPolicySpec;
  readonly reason?: SaveReason;
  readonly best?: { readonly metric: string; readonly value: number };
}

export function uploadOptions(options: Omit<SaveOptions, 'keep'>): UploadOptions {
  const { store, claim, files, ordinal, step, parent, reason = 'policy' } = options;
  return {
    store,
    clock: quickClock(),
    random: seededRandom(1),
    jobId: claim.journal.jobId,
    name: { claim: claim.token, ordinal, step },
    source: memorySource(files),
    parent,
    epoch: 0,
    reason,
    runtime,
    compatibility: {},
    signal: new AbortController().signal,
  };
}

export async function save(
  options: SaveOptions,
): Promise<CommittedCheckpoint & { readonly uploaded: UploadedCheckpoint }> {
  const { claim, keep = keepAll, reason = 'policy', best } = options;
  const uploaded = await uploadCheckpoint(uploadOptions(options));
  const committed = await commitCheckpoint(claim, { uploaded, epoch: 0, example: 0, reason, keep, best });
  return { ...committed, uploaded };
}

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-checkpoint-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export async function restore(
  store: ObjectStore,
  claim: Claim,
  options: Partial<RestoreOptions> = {},
): Promise<RestoreResult & { readonly dir: string }> {
  const dir = options.dir ?? temporaryFolder();
  const result = await restoreNewest(claim, {
    store,
    clock: quickClock(),
    random: seededRandom(1),
    log: silentLog,
    signal: new AbortController().signal,
    ...options,
    dir,
  });
  return { ...result, dir };
}

/** Path → digest of what lies in a folder. */
export function digestsIn(dir: string): Readonly<Record<string, string>> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(dir.length + 1), sha256Hex(readFileSync(path))] as const)
      .toSorted(([left], [right]) => (left < right ? -1 : 1)),
  );
}

export function digestsOf(files: Files): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(files)
      .map(([path, bytes]) => [path, sha256Hex(bytes)] as const)
      .toSorted(([left], [right]) => (left < right ? -1 : 1)),
  );
}

export async function keysUnder(store: ObjectStore, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await store.list(prefix, after === undefined ? {} : { after });
    keys.push(...page.objects.map((object) => object.key));
    if (page.next === undefined) return keys;
    after = page.next;
  }
}
