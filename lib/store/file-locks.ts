import { link, readFile, readdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { type Deadline, deadlineIn } from '../base/deadline.ts';
import { sha256Hex } from '../base/digest.ts';
import { makeFolder, writeNewFile } from '../base/durable-files.ts';
import { TransientError } from '../base/errors.ts';
import { hasErrorCode, unlessMissing } from '../base/file-errors.ts';
import type { Random } from '../base/random.ts';
import { type ProcessIdentity, isRunning, ownIdentity } from './process-identity.ts';

/** A lock is held for a comparison and a rename, milliseconds; who waits this long has met a stopped process. */
const waitMsMax = 10_000;
/** Between two looks at a lock that another process holds. */
const pollMsMax = 4;
/** A holder that we cannot see (another container, an earlier boot) counts as dead after so long without taking or freeing a lock. */
const unseenMsMax = 60_000;

const holderSchema = z.object({
  pid: z.int(),
  startedAt: z.string(),
  space: z.string(),
  nonce: z.string(),
});
type Holder = z.infer<typeof holderSchema>;

interface Wanted {
  readonly path: string;
  /** When to give up waiting for it. */
  readonly deadline: Deadline;
}

export interface FileLocksPorts {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Locks between processes, as files that need no cleaning up after a SIGKILL. To hold a lock is to have created its file
 * by link(2) to a file that names this process, so a lock says from its first instant whose it is.
 *
 * Breaking the lock of a dead holder is the hard part: two that find it at once must not both remove it, for the second
 * would remove the first one's new lock. So the right to break is itself a lock, named by the broken lock and its dead
 * holder: whoever holds it looks again and removes the file only if it is still that holder's. If the breaker dies too,
 * its right is broken in the same way. A file is thus only ever removed by its living holder, or by the one process
 * that holds the right to, and never comes back with the same content: `nonce` is drawn once a process.
 */
export class FileLocks {
  readonly #folder: string;
  readonly #ports: FileLocksPorts;
  readonly #self: Holder;
  /** The last of those in this process that want a lock, by name: they queue here and do not poll. */
  readonly #queues = new Map<string, Promise<void>>();

  private constructor(folder: string, ports: FileLocksPorts, self: Holder) {
    this.#folder = folder;
    this.#ports = ports;
    this.#self = self;
  }

  static async open(folder: string, ports: FileLocksPorts): Promise<FileLocks> {
    await makeFolder(folder);
    const self = { ...(await ownIdentity()), nonce: ports.random.hex(16) };
    const locks = new FileLocks(folder, ports, self);
    await writeNewFile(locks.#ownFile, JSON.stringify(self));
    await locks.#breakDead();
    return locks;
  }

  /** Runs `work` while no other holder of `name` runs. @throws TransientError when the lock is not free within 10 s */
  async holding<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#queues.get(name);
    const turn = (async () => {
      await before;
      const path = join(this.#folder, sha256Hex(name).slice(0, 32));
      return this.#whileHeld({ path, deadline: deadlineIn(this.#ports.clock, waitMsMax) }, work);
    })();
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#queues.set(name, settled);
    try {
      return await turn;
    } finally {
      if (this.#queues.get(name) === settled) this.#queues.delete(name);
    }
  }

  async close(): Promise<void> {
    await unlessMissing(unlink(this.#ownFile));
  }

  get #ownFile(): string {
    return join(this.#folder, `holder-${this.#self.nonce}`);
  }

  async #whileHeld<Result>(wanted: Wanted, work: () => Promise<Result>): Promise<Result> {
    await this.#acquire(wanted);
    try {
      return await work();
    } finally {
      await this.#removeIfOf(this.#self.nonce, wanted.path);
    }
  }

  async #acquire({ path, deadline }: Wanted): Promise<void> {
    for (;;) {
      try {
        await link(this.#ownFile, path);
        return;
      } catch (error) {
        if (!hasErrorCode(error, ['EEXIST'])) throw error;
      }
      const holder = await readHolder(path);
      if (holder === undefined) continue;
      if (await this.#isDead(holder, path)) {
        await this.#breakLock({ path, deadline }, holder.nonce);
      } else if (deadline.remainingMs() === 0) {
        throw new TransientError('another process holds a lock in this store and does not go on.', {
          facts: { pid: holder.pid, lock: path },
          hint: `Is process ${holder.pid} stopped? Let it go on (kill -CONT) or end it.`,
          applied: 'no',
        });
      } else {
        await this.#ports.clock.sleep(1 + this.#ports.random.next() * pollMsMax);
      }
    }
  }

  async #breakLock({ path, deadline }: Wanted, nonce: string): Promise<void> {
    const right = { path: rightToBreak(path, nonce), deadline };
    await this.#whileHeld(right, async () => this.#removeIfOf(nonce, path));
  }

  async #removeIfOf(nonce: string, path: string): Promise<void> {
    if ((await readHolder(path))?.nonce === nonce) await unlessMissing(unlink(path));
  }

  async #isDead(holder: Holder, path: string): Promise<boolean> {
    if (holder.space === this.#self.space) return !(await isRunning(holder));
    // Every link to the holder's file and every removal of one sets the time of its last status change.
    const facts = await unlessMissing(stat(path));
    return facts !== undefined && this.#ports.clock.now().getTime() - facts.ctimeMs > unseenMsMax;
  }

  /** Tidiness alone: a dead holder's lock that nobody wants again would lie here for ever. */
  async #breakDead(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const holder = await readHolder(path);
      if (holder === undefined || !(await this.#isDead(holder, path))) continue;
      if (name.startsWith('holder-')) await unlessMissing(unlink(path));
      else await this.#breakLockIfFree(path, holder.nonce);
    }
  }

  async #breakLockIfFree(path: string, nonce: string): Promise<void> {
    try {
      await this.#breakLock({ path, deadline: deadlineIn(this.#ports.clock, 0) }, nonce);
    } catch (error) {
      // Another process is about to break it, or was stopped doing so: who wants this lock will wait, opening need not.
      if (!(error instanceof TransientError)) throw error;
    }
  }
}

const rightToBreak = (path: string, nonce: string): string =>
  join(dirname(path), sha256Hex(`${basename(path)}\0${nonce}`).slice(0, 32));

/** A file that a power failure left empty has a holder too, one that is in no space that we see. */
const unreadable: Holder = { pid: 0, startedAt: '', space: '', nonce: '' } satisfies ProcessIdentity & Holder;

async function readHolder(path: string): Promise<Holder | undefined> {
  const text = await unlessMissing(readFile(path, 'utf8'));
  if (text === undefined) return undefined;
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return unreadable;
  }
}
