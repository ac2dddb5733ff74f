import { readFile, readdir, realpath, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Clock, pause, systemClock } from '../base/clock.ts';
import { makeFolder, removeOldFiles, syncFolder, writeNewFile } from '../base/durable-files.ts';
import { CorruptionError, messageOf, UnknownFormatError } from '../base/errors.ts';
import { isMissing, unlessMissing } from '../base/file-errors.ts';
import { parseFileUri } from '../base/file-uri.ts';
import { type Random, systemRandom } from '../base/random.ts';
import { translateFileError } from '../base/translate-file-error.ts';
import { encodeDocument, parseDocument } from '../contract/parse-document.ts';
import { DirectoryDeadLetters } from './directory-dead-letters.ts';
import type { DeadLetter, JobQueue, QueueDepth, QueueMessage, SendOptions } from './job-queue.ts';
import {
  type MessageDocument,
  type MessageState,
  belongsTo,
  handleOf,
  messageSchema,
  nameOfMessage,
  parseMessageName,
} from './message-files.ts';
import { checkSend, receivesMax } from './queue-limits.ts';

/** Between two looks at the folder: a person does not notice it, and a look costs one readdir. */
const pollMs = 75;
/** A send has its temporary file for moments; what is older was left by a killed sender. */
const leftoverMs = 3_600_000;
/** While names change, one look at a folder may miss a file under its old name and its new one. Three in a row do not. */
const looksMax = 3;

export interface DirectoryQueuePorts {
  readonly clock?: Clock;
  readonly random?: Random;
}

interface Parts {
  readonly root: string;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * A queue in one directory of one machine, shared by any number of its processes: `messages`, `dead-letters` and
 * `.temporary`. Every change is one rename or unlink (`message-files.ts`), so a process killed at any instant leaves
 * each message whole, in the state before or after. Stale handles are refused. Receive order is the order in which
 * messages show; `groupId` is kept for people to read and decides nothing. Messages do not expire.
 */
export class DirectoryJobQueue implements JobQueue {
  readonly uri: string;
  readonly #parts: Parts;
  readonly #dead: DirectoryDeadLetters;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#dead = new DirectoryDeadLetters(parts.root, parts.random);
    this.uri = pathToFileURL(parts.root).href;
  }

  async send(body: string, options: SendOptions = {}): Promise<{ readonly messageId: string }> {
    checkSend(body, options);
    const { random, clock, root } = this.#parts;
    const { groupId, delayMs = 0 } = options;
    const now = clock.now();
    const document: MessageDocument = {
      format: 1,
      sentAt: now.toISOString(),
      ...(groupId === undefined ? {} : { groupId }),
      body,
    };
    const messageId = random.hex(16);
    const temporary = join(root, '.temporary', messageId);
    const name = nameOfMessage({ messageId, receiveCount: 0, visibleAtMs: now.getTime() + delayMs });
    return this.#translated(async () => {
      await writeNewFile(temporary, encodeDocument(document));
      await rename(temporary, this.#messageFile(name));
      await syncFolder(this.#messages);
      return { messageId };
    });
  }

  async receive(options: {
    readonly waitMs: number;
    readonly visibilityMs: number;
    readonly signal?: AbortSignal;
  }): Promise<QueueMessage | undefined> {
    const { waitMs, visibilityMs, signal = new AbortController().signal } = options;
    const { clock } = this.#parts;
    const givesUpAtMs = clock.monotonicMs() + waitMs;
    for (;;) {
      if (signal.aborted) return undefined;
      const message = await this.#translated(async () => this.#take(visibilityMs));
      if (message !== undefined) return message;
      const leftMs = givesUpAtMs - clock.monotonicMs();
      if (leftMs <= 0) return undefined;
      await pause(clock, Math.min(pollMs, leftMs), signal);
    }
  }

  async changeVisibility(receiptHandle: string, visibilityMs: number): Promise<'changed' | 'lost'> {
    const result = await this.#onReceipt(receiptHandle, async (name, state) => {
      const now = this.#parts.clock.now().getTime();
      if (state.visibleAtMs <= now) return 'lost';
      const next = nameOfMessage({ ...state, visibleAtMs: now + visibilityMs });
      await rename(this.#messageFile(name), this.#messageFile(next));
      return 'changed';
    });
    return result ?? 'lost';
  }

  async delete(receiptHandle: string): Promise<void> {
    await this.#onReceipt(receiptHandle, async (name) => unlink(this.#messageFile(name)));
  }

  async depth(): Promise<QueueDepth> {
    const states = await this.#translated(async () => this.#states());
    const now = this.#parts.clock.now().getTime();
    const hidden = states.filter(({ state }) => state.visibleAtMs > now);
    const delayed = hidden.filter(({ state }) => state.receiveCount === 0).length;
    return { visible: states.length - hidden.length, inFlight: hidden.length - delayed, delayed };
  }

  async setAside({ receiptHandle, messageId }: QueueMessage, reason: string): Promise<'set-aside' | 'left'> {
    const result = await this.#onReceipt(receiptHandle, async (name): Promise<'set-aside'> => {
      await this.#dead.explain(messageId, { reason, since: this.#parts.clock.now() });
      await this.#dead.take(name);
      return 'set-aside';
    });
    return result ?? 'left';
  }

  async deadLetters({ limit }: { readonly limit: number }): Promise<readonly DeadLetter[]> {
    return this.#translated(async () => this.#dead.list(limit));
  }

  async redrive(messageId: string): Promise<{ readonly messageId: string }> {
    await this.#translated(async () => this.#dead.giveBack(messageId, this.#parts.clock.now()));
    return { messageId };
  }

  async close(): Promise<void> {}

  get #messages(): string {
    return join(this.#parts.root, 'messages');
  }

  #messageFile(name: string): string {
    return join(this.#messages, name);
  }

  async #states(): Promise<readonly { readonly name: string; readonly state: MessageState }[]> {
    const names = (await readdir(this.#messages)).toSorted();
    return names.flatMap((name) => {
      const state = parseMessageName(name);
      return state === undefined ? [] : [{ name, state }];
    });
  }

  async #take(visibilityMs: number): Promise<QueueMessage | undefined> {
    const now = this.#parts.clock.now().getTime();
    for (const { name, state } of await this.#states()) {
      if (state.visibleAtMs > now) return undefined;
      if (state.receiveCount >= receivesMax) {
        await unlessMissing(this.#dead.take(name));
        continue;
      }
      const message = await unlessMissing(this.#takeOne({ name, state }, now + visibilityMs));
      if (message !== undefined) return message;
    }
    return undefined;
  }

  /** Rejects with ENOENT when another receiver was faster, or took it over before its body was read. */
  async #takeOne(
    { name, state }: { readonly name: string; readonly state: MessageState },
    visibleAtMs: number,
  ): Promise<QueueMessage | undefined> {
    const { messageId } = state;
    const taken = { messageId, receiveCount: state.receiveCount + 1, visibleAtMs };
    const takenName = nameOfMessage(taken);
    const path = this.#messageFile(takenName);
    await rename(this.#messageFile(name), path);
    const bytes = await readFile(path);
    try {
      const { body } = parseDocument(messageSchema, bytes, { what: 'queue message', at: path });
      return { messageId, body, receiveCount: taken.receiveCount, receiptHandle: handleOf(taken) };
    } catch (error) {
      // One unreadable file must not keep every worker from the rest. A newer format stays, hidden, for newer workers.
      if (error instanceof CorruptionError) await this.#setAsideDamaged(messageId, takenName, error);
      else if (!(error instanceof UnknownFormatError)) throw error;
      return undefined;
    }
  }

  async #setAsideDamaged(messageId: string, name: string, error: CorruptionError): Promise<void> {
    await this.#dead.explain(messageId, { reason: messageOf(error), since: this.#parts.clock.now() });
    await unlessMissing(this.#dead.take(name));
  }

  /** Runs `act` on the file that belongs to the handle, again where its name changed meanwhile. Undefined: there is none. */
  async #onReceipt<Result>(
    receiptHandle: string,
    act: (name: string, state: MessageState) => Promise<Result>,
  ): Promise<Result | undefined> {
    return this.#translated(async () => {
      for (let look = 1; look <= looksMax; look++) {
        const found = (await this.#states()).find(({ state }) => belongsTo(receiptHandle, state));
        if (found === undefined) continue;
        try {
          return await act(found.name, found.state);
        } catch (error) {
          if (!isMissing(error)) throw error;
        }
      }
      return undefined;
    });
  }

  async #translated<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw translateFileError(error, this.#parts.root);
    }
  }
}

/**
 * Opens the directory of a `file:///dir` URI as a queue, and makes it where it is missing.
 * @throws UsageError for a URI that does not name a directory
 */
export async function openDirectoryJobQueue(
  uri: string,
  { clock = systemClock, random = systemRandom }: DirectoryQueuePorts = {},
): Promise<DirectoryJobQueue> {
  const { dir } = parseFileUri(uri);
  try {
    await makeFolder(dir);
    const root = await realpath(dir);
    for (const name of ['messages', 'dead-letters', '.temporary']) await makeFolder(join(root, name));
    await removeOldFiles(join(root, '.temporary'), new Date(clock.now().getTime() - leftoverMs));
    return new DirectoryJobQueue({ root, clock, random });
  } catch (error) {
    throw translateFileError(error, dir);
  }
}
