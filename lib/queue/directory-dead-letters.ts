import { readFile, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { syncFolder, writeNewFile } from '../base/durable-files.ts';
import { ConflictError, CorruptionError } from '../base/errors.ts';
import { unlessMissing } from '../base/file-errors.ts';
import type { Random } from '../base/random.ts';
import { encodeDocument, parseDocument } from '../contract/parse-document.ts';
import type { DeadLetter } from './job-queue.ts';
import { type MessageState, messageSchema, nameOfMessage, parseMessageName } from './message-files.ts';
import { deadLettersMax, excerptOf, noSuchDeadLetter } from './queue-limits.ts';

/** Why a message was set aside; beside the message, whose file never changes. */
const reasonSchema = z.object({ format: z.literal(1), reason: z.string(), since: z.iso.datetime() });

interface Found {
  readonly name: string;
  readonly state: MessageState;
}

/** The `dead-letters` folder of a directory queue: messages under the names that they had, each with its reason. */
export class DirectoryDeadLetters {
  readonly #root: string;
  readonly #random: Random;

  constructor(root: string, random: Random) {
    this.#root = root;
    this.#random = random;
  }

  /** Keeps the reason for a message that is about to come. */
  async explain(messageId: string, facts: { readonly reason: string; readonly since: Date }): Promise<void> {
    const { reason, since } = facts;
    const temporary = join(this.#root, '.temporary', this.#random.hex(16));
    await writeNewFile(temporary, encodeDocument({ format: 1, reason, since: since.toISOString() }));
    await rename(temporary, this.#reasonFile(messageId));
  }

  /** Moves the message out of the queue. Rejects with ENOENT where it has another name by now. */
  async take(name: string): Promise<void> {
    await rename(join(this.#root, 'messages', name), this.#file(name));
    await syncFolder(this.#folder);
  }

  async list(limit: number): Promise<readonly DeadLetter[]> {
    const letters: DeadLetter[] = [];
    for (const found of await this.#all()) {
      if (letters.length >= Math.min(limit, deadLettersMax)) break;
      const letter = await unlessMissing(this.#read(found));
      if (letter !== undefined) letters.push(letter);
    }
    return letters;
  }

  /** Moves a dead letter back as a new message that shows at once. */
  async giveBack(messageId: string, now: Date): Promise<void> {
    const found = (await this.#all()).find(({ state }) => state.messageId === messageId);
    if (found === undefined) throw noSuchDeadLetter(messageId, this.#root);
    const { isWhole } = readMessage(await readFile(this.#file(found.name), 'utf8'), this.#file(found.name));
    if (!isWhole) {
      throw new ConflictError('the file of this dead letter is damaged.', {
        facts: { file: this.#file(found.name) },
        hint: 'Submit the job again, then remove the file.',
      });
    }
    await unlessMissing(unlink(this.#reasonFile(messageId)));
    const name = nameOfMessage({ messageId, receiveCount: 0, visibleAtMs: now.getTime() });
    await rename(this.#file(found.name), join(this.#root, 'messages', name));
    await syncFolder(join(this.#root, 'messages'));
  }

  get #folder(): string {
    return join(this.#root, 'dead-letters');
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  #reasonFile(messageId: string): string {
    return this.#file(`${messageId}.reason.json`);
  }

  async #all(): Promise<readonly Found[]> {
    return (await readdir(this.#folder)).toSorted().flatMap((name) => {
      const state = parseMessageName(name);
      return state === undefined ? [] : [{ name, state }];
    });
  }

  async #read({ name, state }: Found): Promise<DeadLetter> {
    const { messageId, receiveCount, visibleAtMs } = state;
    const { body, sentAt } = readMessage(await readFile(this.#file(name), 'utf8'), this.#file(name));
    const explained = await this.#reasonOf(messageId);
    return {
      messageId,
      excerpt: excerptOf(body),
      reason: explained?.reason,
      since: new Date(explained?.since ?? sentAt ?? visibleAtMs),
      receiveCount,
    };
  }

  async #reasonOf(messageId: string): Promise<z.infer<typeof reasonSchema> | undefined> {
    const at = this.#reasonFile(messageId);
    const text = await unlessMissing(readFile(at, 'utf8'));
    return text === undefined ? undefined : parseDocument(reasonSchema, text, { what: 'reason', at });
  }
}

/** A damaged file is shown as it is: it is here for a person to look at. */
function readMessage(
  text: string,
  at: string,
): { readonly body: string; readonly sentAt?: string; readonly isWhole: boolean } {
  try {
    const { body, sentAt } = parseDocument(messageSchema, text, { what: 'queue message', at });
    return { body, sentAt, isWhole: true };
  } catch (error) {
    if (error instanceof CorruptionError) return { body: text, isWhole: false };
    throw error;
  }
}
