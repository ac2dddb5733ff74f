import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../lib/base/assert.ts';
import { abortable, deferred } from '../lib/base/deferred.ts';
import { InvariantError, TransientError } from '../lib/base/errors.ts';
import { readExactly } from '../lib/base/read-exactly.ts';
import type { CheckpointSource } from '../lib/checkpoint/source.ts';
import type { TrainerMessage } from '../lib/contract/trainer-messages.ts';

export type StagingMessage = Extract<TrainerMessage, { kind: 'staging' }>;

/**
 * A checkpoint in a slot, as the trainer writes it: bytes below `written` may be read while the rest is still coming.
 * Lengths come from messages, never from the files, because slots are reused and hold older bytes beyond.
 */
export class StagedCheckpoint implements CheckpointSource {
  readonly message: StagingMessage;
  readonly files: CheckpointSource['files'];
  readonly #dir: string;
  readonly #written = new Map<string, number>();
  readonly #handles = new Map<string, Promise<FileHandle>>();
  #complete = false;
  #abandoned: string | undefined;
  #waiting: Array<() => void> = [];

  constructor(message: StagingMessage, dir: string) {
    this.message = message;
    this.files = message.files;
    this.#dir = dir;
  }

  get isComplete(): boolean {
    return this.#complete;
  }

  get bytes(): number {
    return this.files.reduce((sum, file) => sum + file.bytes, 0);
  }

  /** The trainer said that the first `bytes` of `path` are final. */
  wrote(path: string, bytes: number): void {
    this.#written.set(path, Math.max(bytes, this.#written.get(path) ?? 0));
    this.#wake();
  }

  staged(): void {
    this.#complete = true;
    this.#wake();
  }

  /** Nothing more will come: whoever waits is told. A complete checkpoint stays complete. */
  abandon(why: string): void {
    if (!this.#complete) this.#abandoned = why;
    this.#wake();
  }

  async available(path: string, upTo: number, signal: AbortSignal): Promise<void> {
    await this.#until(() => this.#complete || (this.#written.get(path) ?? 0) >= upTo, signal);
  }

  async complete(signal: AbortSignal): Promise<void> {
    await this.#until(() => this.#complete, signal);
  }

  fileOf(path: string): string {
    return join(this.#dir, path);
  }

  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    const handle = await this.#open(path);
    const claim = 'broken invariant: a staged file holds the bytes that its trainer announced';
    const tooShort = (): Error => new InvariantError(claim, { facts: { path, offset, length } });
    return readExactly(handle, { offset, length }, tooShort);
  }

  async close(): Promise<void> {
    const handles = [...this.#handles.values()];
    this.#handles.clear();
    await Promise.all(handles.map(async (handle) => (await handle).close()));
  }

  async #open(path: string): Promise<FileHandle> {
    assert(
      this.files.some((file) => file.path === path),
      'only announced files are read',
      { path },
    );
    const opened = this.#handles.get(path) ?? open(join(this.#dir, path), 'r');
    this.#handles.set(path, opened);
    return opened;
  }

  async #until(ready: () => boolean, signal: AbortSignal): Promise<void> {
    while (!ready()) {
      signal.throwIfAborted();
      if (this.#abandoned !== undefined)
        throw new TransientError(`the trainer gave up this checkpoint: ${this.#abandoned}.`);
      const woken = deferred();
      this.#waiting.push(() => woken.resolve());
      await abortable(woken.promise, signal);
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
