import { readFile, readdir, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../lib/base/clock.ts';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { TransientError } from '../../../lib/base/errors.ts';
import { seededRandom, systemRandom } from '../../../lib/base/random.ts';
import { FileLocks } from '../../../lib/store/file-locks.ts';
import { ownIdentity } from '../../../lib/store/process-identity.ts';
import { DirectoryProcess } from '../../support/directory-processes.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';

/** A clock on which a wait of ten seconds takes a tenth of one. */
const hurried: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() * 100 };
/** One on which it takes a fifth of a second. */
const slow: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() * 50 };
const nameOf = (lock: string): string => sha256Hex(lock).slice(0, 32);
const rightToBreak = (file: string, nonce: string): string => sha256Hex(`${file}\0${nonce}`).slice(0, 32);

/** Runs the same critical section in every one of `holders`, and counts how many were ever inside at once. */
const mostInside = async (holders: readonly FileLocks[], rounds: number): Promise<number> => {
  let inside = 0;
  let most = 0;
  const enter = async (locks: FileLocks): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      await locks.holding('shared', async () => {
        most = Math.max(most, ++inside);
        await turn();
        inside--;
      });
    }
  };
  await Promise.all(holders.map(enter));
  return most;
};

const holderOf = (seed: number): string => `holder-${seededRandom(seed).hex(16)}`;

describe('FileLocks', () => {
  let folder: Awaited<ReturnType<typeof scratchFolder>>;
  beforeEach(async () => {
    folder = await scratchFolder();
  });
  afterEach(async () => folder.remove());

  const open = async (clock: Clock = systemClock): Promise<FileLocks> =>
    FileLocks.open(folder.dir, { clock, random: systemRandom });
  /** Leaves a lock whose holder is what `change` makes of this process. */
  const plant = async (file: string, change: Readonly<Record<string, unknown>>): Promise<void> => {
    const holder = { ...(await ownIdentity()), nonce: 'planted', ...change };
    await writeFile(join(folder.dir, file), JSON.stringify(holder));
  };
  /** Another start time: the number of a dead process that this living one has been given again. */
  const dead = { startedAt: '1' };

  it('lets one holder in at a time, of one opener and of many', async () => {
    const holders = await Promise.all(Array.from({ length: 6 }, async () => open()));
    expect(await mostInside([...holders, ...holders], 5)).toBe(1);
    await Promise.all(holders.map(async (locks) => locks.close()));
    expect(await readdir(folder.dir)).toEqual([]);
  });

  it('keeps different names apart', async () => {
    const [locks, other] = [await open(), await open()];
    const inner = locks.holding('a', async () =>
      other.holding('b', async () => locks.holding('c', async () => 'in')),
    );
    expect(await inner).toBe('in');
  });

  it('frees the lock when the work fails, and passes the failure on', async () => {
    const locks = await open();
    await expect(locks.holding('name', async () => Promise.reject(new Error('work')))).rejects.toThrow(
      'work',
    );
    expect(await (await open(hurried)).holding('name', async () => 'free')).toBe('free');
  });

  it('breaks the lock of a dead holder: one of many at once, again and again', async () => {
    const holders = await Promise.all(Array.from({ length: 8 }, async () => open()));
    for (let round = 0; round < 15; round++) {
      await plant(nameOf('shared'), { ...dead, nonce: `dead ${round}` });
      expect(await mostInside(holders, 2)).toBe(1);
    }
  });

  it('goes on where a breaker died before, and where its breaker died too', async () => {
    const lock = nameOf('shared');
    const right = rightToBreak(lock, 'first');
    const rightToThat = rightToBreak(right, 'second');
    const holders = await Promise.all(Array.from({ length: 4 }, async () => open()));
    await plant(lock, { ...dead, nonce: 'first' });
    await plant(right, { ...dead, nonce: 'second' });
    await plant(rightToThat, { ...dead, nonce: 'third' });
    expect(await mostInside(holders, 2)).toBe(1);
    expect((await readdir(folder.dir)).filter((name) => !name.startsWith('holder-'))).toEqual([]);
  });

  it('looks again once it has the right to break: the lock may be somebody’s new one', async () => {
    const lock = nameOf('shared');
    const right = rightToBreak(lock, 'first');
    await plant(lock, { ...dead, nonce: 'first' });
    await plant(right, { nonce: 'another breaker' });
    // Finds the dead holder, and waits for the right to break its lock, which is taken.
    const late = (await open(slow)).holding('shared', async () => 'in');
    const refused = expect(late).rejects.toBeInstanceOf(TransientError);
    await systemClock.sleep(20);
    await unlink(join(folder.dir, lock));
    await plant(lock, { nonce: 'new holder' });
    await unlink(join(folder.dir, right));
    await refused;
    expect(await readFile(join(folder.dir, lock), 'utf8')).toContain('new holder');
  });

  it('clears a late right to break at open, and not the lock that is held', async () => {
    const locks = await open();
    await plant(rightToBreak(nameOf('shared'), 'long broken'), dead);
    await locks.holding('shared', async () => {
      const second = await open(hurried);
      await expect(second.holding('shared', async () => 'in')).rejects.toBeInstanceOf(TransientError);
    });
  });

  it('takes a process that was killed, or is not collected by its parent yet, for dead', async () => {
    const holder = new DirectoryProcess({ role: 'lock', dir: folder.dir, name: 'shared' });
    await holder.go();
    await holder.says(1);
    const locks = await open(hurried);
    await expect(locks.holding('shared', async () => 'in')).rejects.toBeInstanceOf(TransientError);
    await holder.kill();
    expect(await locks.holding('shared', async () => 'in')).toBe('in');
  });

  it('waits for a stopped process, then names it and what to do', async () => {
    const holder = new DirectoryProcess({ role: 'lock', dir: folder.dir, name: 'shared' });
    await holder.go();
    await holder.says(1);
    holder.signal('SIGSTOP');
    const failure = (await open(hurried)).holding('shared', async () => 'in');
    await expect(failure).rejects.toMatchObject({
      applied: 'no',
      hint: expect.stringContaining(`kill -CONT`),
      message: expect.stringContaining(String(holder.pid)),
    });
    await holder.kill();
  });

  it('gives a holder that it cannot see a minute', async () => {
    await plant(nameOf('shared'), { space: 'another machine' });
    await expect((await open(hurried)).holding('shared', async () => 'in')).rejects.toBeInstanceOf(
      TransientError,
    );
    const later: Clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + 61_000) };
    expect(await (await open(later)).holding('shared', async () => 'in')).toBe('in');
  });

  it('gives a file that a power failure left empty a minute too', async () => {
    await writeFile(join(folder.dir, nameOf('shared')), '');
    await expect((await open(hurried)).holding('shared', async () => 'in')).rejects.toBeInstanceOf(
      TransientError,
    );
    const later: Clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + 61_000) };
    expect(await (await open(later)).holding('shared', async () => 'in')).toBe('in');
  });

  it('opens at once though a stopped process holds the right to break a dead lock', async () => {
    const lock = nameOf('shared');
    await plant(lock, { ...dead, nonce: 'first' });
    await plant(rightToBreak(lock, 'first'), { nonce: 'stopped breaker' });
    const startedAt = systemClock.monotonicMs();
    const locks = await open();
    expect(systemClock.monotonicMs() - startedAt).toBeLessThan(3_000);
    await unlink(join(folder.dir, rightToBreak(lock, 'first')));
    expect(await locks.holding('shared', async () => 'in')).toBe('in');
  });

  it('clears away at open what the dead left, and nothing of the living', async () => {
    const living = await FileLocks.open(folder.dir, { clock: systemClock, random: seededRandom(1) });
    await living.holding('held', async () => {
      await plant('holder-dead', { ...dead, nonce: 'dead' });
      await plant(nameOf('unwanted'), { ...dead, nonce: 'dead' });
      const second = await FileLocks.open(folder.dir, { clock: systemClock, random: seededRandom(2) });
      expect((await readdir(folder.dir)).toSorted()).toEqual(
        [nameOf('held'), holderOf(1), holderOf(2)].toSorted(),
      );
      await second.close();
    });
  });
});
