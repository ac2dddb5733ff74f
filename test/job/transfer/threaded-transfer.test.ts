import { setMaxListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { AccessDeniedError, TransientError } from '../../../lib/base/errors.ts';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { silentLog } from '../../../lib/base/log.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { ChunkToSend } from '../../../lib/checkpoint/chunk-sender.ts';
import type { CheckpointSource } from '../../../lib/checkpoint/source.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { portableError } from '../../../job/transfer/portable-error.ts';
import { ThreadedTransfer } from '../../../job/transfer/threaded-transfer.ts';
import { memorySource, text } from '../../lib/checkpoint/files.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { FakeThread } from './fake-threads.ts';

const large = 256 * 1024 * 1024;

/** `threadsMax`: how many threads the machine lets start. */
function begin(bytes = large, threadsMax = Infinity) {
  const clock = manualClock();
  const store = new MemoryObjectStore({ clock });
  const threads: FakeThread[] = [];
  const transfer = new ThreadedTransfer({
    address: 's3://bucket',
    store,
    clock,
    random: seededRandom(3),
    log: silentLog,
    cores: 2,
    startThread: (start) => {
      if (threads.length >= threadsMax) throw new Error('Worker initialization failure: EAGAIN');
      const thread = new FakeThread(start);
      threads.push(thread);
      return thread;
    },
  });
  const source: CheckpointSource = {
    ...memorySource({ 'a.bin': text('abc') }),
    fileOf: (path) => `/slots/${path}`,
  };
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const chunk = (judge = vi.fn<ChunkToSend['judge']>(() => 'none')): ChunkToSend => ({
    source,
    path: 'a.bin',
    range: { index: 0, offset: 0, length: 3, end: 3 },
    jobId: 'job',
    name: { claim: 2, ordinal: 1, step: 5 },
    judge,
    signal: stop.signal,
  });
  const sender = transfer.senderFor(bytes)!;
  const [background, urgent] = threads as [FakeThread, FakeThread];
  return { clock, store, threads, background, urgent, transfer, sender, chunk, stop };
}

const storedChunk = {
  outcome: 'stored' as const,
  chunk: { key: 'k', sha256: sha256Hex('abc'), bytes: 3, codec: 'none' as const, stored: 3 },
  measured: { codec: 'none' as const, rawBytes: 3, storedBytes: 3, encodeMs: 0, putMs: 1 },
};

/** Chunks that the process itself has stored. */
const storedBy = async (store: MemoryObjectStore): Promise<number> =>
  (await store.list('jobs/')).objects.length;

describe('the threads of a transfer', () => {
  it('are two pools: a background one of the lowest priority, and an urgent one that is warm before it is needed', () => {
    const { background, urgent, threads } = begin();
    expect(threads).toHaveLength(2);
    expect([background.start.niceness, urgent.start.niceness]).toEqual([19, undefined]);
    expect(urgent.kinds()).toEqual(['warm']);
    expect(background.kinds()).toEqual([]);
  });

  it('get the place of the bytes, ask for a verdict by the digest, and answer with the chunk', async () => {
    const { background, sender, chunk } = begin();
    const judge = vi.fn<ChunkToSend['judge']>(() => 'planes-zlib');
    const sending = sender.send(chunk(judge));
    expect(background.heard).toMatchObject([
      { kind: 'do', order: { kind: 'send', file: '/slots/a.bin', offset: 0, bytes: 3, jobId: 'job' } },
    ]);
    background.tell({ kind: 'hashed', task: 1, sha256: 'digest' });
    expect(judge).toHaveBeenCalledWith('digest');
    expect(background.heard.at(-1)).toEqual({ kind: 'verdict', task: 1, verdict: 'planes-zlib' });
    background.tell({ kind: 'sent', task: 1, stored: storedChunk });
    await expect(sending).resolves.toEqual(storedChunk);
  });

  it('never have more than their lanes; the rest waits', async () => {
    const { background, sender, chunk } = begin();
    const sent = Array.from({ length: 6 }, () => sender.send(chunk()));
    expect(background.tasks).toEqual([1, 2, 3, 4]);
    background.tell({ kind: 'sent', task: 2, stored: storedChunk });
    expect(background.tasks).toEqual([1, 2, 3, 4, 5]);
    for (const task of [1, 3, 4, 5, 6]) background.tell({ kind: 'sent', task, stored: storedChunk });
    await expect(Promise.all(sent)).resolves.toHaveLength(6);
  });

  it('leave to the process what has no file', async () => {
    const { background, sender, chunk, store } = begin();
    await sender.send({ ...chunk(), source: memorySource({ 'a.bin': text('abc') }) });
    expect(background.tasks).toEqual([]);
    expect(await storedBy(store)).toBe(1);
  });

  it('hand an error on as what it is, and nobody repeats what the store has refused', async () => {
    const { background, sender, chunk, store } = begin();
    const sending = sender.send(chunk());
    const refused = new AccessDeniedError('no s3:PutObject', { hint: 'allow it' });
    background.tell({ kind: 'failed', task: 1, error: portableError(refused) });
    const error: unknown = await sending.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(AccessDeniedError);
    expect(error).toMatchObject({ message: 'no s3:PutObject', hint: 'allow it', remedy: 'reject' });
    expect(await storedBy(store)).toBe(0);
  });
});

describe('a thread in trouble costs no save', () => {
  it('when it dies: the process sends what it had, and another thread takes its place', async () => {
    const { background, threads, sender, chunk, store } = begin();
    const sending = [sender.send(chunk()), sender.send(chunk())];
    background.die();
    await expect(Promise.all(sending)).resolves.toMatchObject([{ outcome: 'stored' }, { outcome: 'stored' }]);
    expect(await storedBy(store)).toBe(1);
    expect(threads).toHaveLength(3);
    void sender.send(chunk());
    expect(threads[2]?.tasks).toEqual([1]);
  });

  it('when it hangs: it is asked, and ended after the time of its pool', async () => {
    const { clock, background, sender, chunk } = begin();
    const sending = sender.send(chunk());
    await clock.advance(29_999);
    expect(background.kinds()).toContain('ping');
    expect(background.isTerminated).toBe(false);
    await clock.advance(10_001);
    expect(background.isTerminated).toBe(true);
    await expect(sending).resolves.toMatchObject({ outcome: 'stored' });
  });

  it('when it is only slow nothing happens to it', async () => {
    const { clock, background, sender, chunk } = begin();
    const sending = sender.send(chunk());
    for (let seconds = 0; seconds < 300; seconds += 10) {
      await clock.advance(10_000);
      background.tell({ kind: 'pong' });
    }
    expect(background.isTerminated).toBe(false);
    background.tell({ kind: 'sent', task: 1, stored: storedChunk });
    await expect(sending).resolves.toEqual(storedChunk);
  });

  it('when it finds no credentials, or cannot read the file: the process tries, whose words they are', async () => {
    const { background, sender, chunk, store } = begin();
    const sending = [sender.send(chunk()), sender.send(chunk())];
    const nobody = new AccessDeniedError('no credentials', { caller: 'nobody' });
    background.tell({ kind: 'failed', task: 1, error: portableError(nobody) });
    background.tell({ kind: 'unreadable', task: 2, why: 'ENOENT' });
    await expect(Promise.all(sending)).resolves.toMatchObject([{ outcome: 'stored' }, { outcome: 'stored' }]);
    expect(await storedBy(store)).toBe(1);
  });

  it('when they die one after the other: three are enough, and the process goes on alone', async () => {
    const { threads, sender, chunk, store } = begin();
    const sending = sender.send(chunk());
    for (let death = 0; death < 3; death++) {
      threads.findLast((thread) => !thread.isUrgent)?.die();
      await turn();
    }
    await sending;
    expect(threads.filter((thread) => !thread.isUrgent)).toHaveLength(3);
    await expect(sender.send(chunk())).resolves.toMatchObject({ outcome: 'stored' });
    expect(await storedBy(store)).toBe(1);
  });

  it.each([
    ['can be started at all', 0],
    ['can be started in place of one that died', 2],
  ])('when none %s, as where a container limits them', async (_, threadsMax) => {
    const { sender, chunk, store, threads } = begin(large, threadsMax);
    const sending = sender.send(chunk());
    threads[0]?.die();
    await expect(sending).resolves.toMatchObject({ outcome: 'stored' });
    await expect(sender.send(chunk())).resolves.toMatchObject({ outcome: 'stored' });
    expect(await storedBy(store)).toBe(1);
  });
});

describe('an abort', () => {
  it('reaches the thread at once, and the reason comes back', async () => {
    const { background, sender, chunk, stop } = begin();
    const sending = sender.send(chunk());
    stop.abort(new Error('superseded'));
    expect(background.heard.at(-1)).toEqual({ kind: 'abort', task: 1 });
    background.tell({ kind: 'failed', task: 1, error: { code: 'INVARIANT', message: 'aborted' } });
    await expect(sending).rejects.toThrow('superseded');
  });

  it('takes back what still waits for a lane', async () => {
    const { background, sender, chunk, stop } = begin();
    const sent = Array.from({ length: 5 }, () => sender.send(chunk()));
    stop.abort(new Error('superseded'));
    await expect(sent[4]).rejects.toThrow('superseded');
    for (const task of [1, 2, 3, 4])
      background.tell({ kind: 'failed', task, error: portableError(new TransientError('cut')) });
    const ends = await Promise.allSettled(sent);
    expect(ends.every((end) => end.status === 'rejected')).toBe(true);
    expect(background.tasks).toHaveLength(4);
  });

  it('ends a thread that does not heed it, with all its sockets', async () => {
    const { clock, background, sender, chunk, store, stop } = begin();
    const sending = sender.send(chunk());
    stop.abort(new Error('superseded'));
    await Promise.all([expect(sending).rejects.toThrow('superseded'), clock.advance(2_000)]);
    expect(background.isTerminated).toBe(true);
    expect(await storedBy(store)).toBe(0);
  });
});

describe('a notice', () => {
  it('sends what waits and what is still to come by the urgent threads, and leaves alone what is under way', async () => {
    const { background, urgent, transfer, sender, chunk } = begin();
    const sent = Array.from({ length: 6 }, () => sender.send(chunk()));
    transfer.hurry();
    expect(urgent.kinds()).toEqual(['warm', 'warm', 'do', 'do']);
    sent.push(sender.send(chunk()));
    expect(urgent.tasks).toHaveLength(3);
    for (const task of [1, 2, 3]) urgent.tell({ kind: 'sent', task, stored: storedChunk });
    for (const task of [1, 2, 3, 4]) background.tell({ kind: 'sent', task, stored: storedChunk });
    await expect(Promise.all(sent)).resolves.toHaveLength(7);
  });

  it('leaves a state to the process that is too small for urgent threads', async () => {
    const { transfer, sender, chunk, store, threads } = begin(32 * 1024 * 1024);
    expect(threads.map((thread) => thread.isUrgent)).toEqual([false]);
    transfer.hurry();
    await expect(sender.send(chunk())).resolves.toMatchObject({ outcome: 'stored' });
    expect(await storedBy(store)).toBe(1);
  });
});

describe('a transfer that is closed', () => {
  it('ends its threads, and does what is still asked of it in the process', async () => {
    const { transfer, sender, chunk, store, threads } = begin();
    const sending = sender.send(chunk());
    await transfer.close();
    expect(threads.every((thread) => thread.isTerminated)).toBe(true);
    await expect(Promise.all([sending, sender.send(chunk())])).resolves.toHaveLength(2);
    expect(await storedBy(store)).toBe(1);
  });
});
