import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError, InvariantError, UnfitError } from '../../lib/base/errors.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { encodeTicket } from '../../lib/contract/ticket.ts';
import type { DeadLetter, JobQueue } from '../../lib/queue/job-queue.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { withMethods } from '../support/with-methods.ts';
import { WorkerBench } from '../support/worker-bench.ts';

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
});
afterEach(() => bench.dispose());

const nothing = { visible: 0, inFlight: 0, delayed: 0 };
const minuteMs = 60_000;
const dead = (): Promise<readonly DeadLetter[]> => bench.queue.deadLetters({ limit: 100 });

describe('a message that is not ours', () => {
  it.each<[string, string, RegExp]>([
    ['garbage', 'what is this', /is not JSON/],
    ['empty but for a blank', ' ', /is not JSON/],
    ['binary', '\u0000\u0001\u0002\ufffd\u007f', /is not JSON/],
    ['JSON that is no object', '42', /is not valid/],
    ['JSON that is null', 'null', /is not valid/],
    ['a list', '[{"format":1,"jobId":"job"}]', /is not valid/],
    [
      'an event of another system',
      JSON.stringify({ Records: [{ eventSource: 'aws:s3', s3: { bucket: { name: 'b' } } }] }),
      /format/,
    ],
    ['a ticket for what is no job id', JSON.stringify({ format: 1, jobId: '../../etc' }), /jobId/],
    ['a ticket of an older format', JSON.stringify({ format: 0, jobId: 'job' }), /format/],
    ['a megabyte of nothing', 'x'.repeat(2 ** 20), /is not JSON/],
    [
      'a megabyte of parameters without a program',
      JSON.stringify({ params: 'x'.repeat(2 ** 20 - 13) }),
      /format/,
    ],
    [
      'a job whose name is too long',
      JSON.stringify({ format: 1, program: 'PROGRAM', name: 'x'.repeat(121) }),
      /name/,
    ],
    [
      'a job whose input has a name that no file could have',
      JSON.stringify({ format: 1, program: 'PROGRAM', inputs: { '../up': 's3://bucket/key' } }),
      /inputs/,
    ],
    [
      'a job whose program has no address',
      JSON.stringify({ format: 1, program: 'train.ts' }),
      /s3:\/\/bucket\/key/,
    ],
  ])('is set aside with the reason, and the worker goes on: %s', async (_, body, reason) => {
    mkdirSync(bench.dir, { recursive: true });
    const program = join(bench.dir, 'program.mjs');
    writeFileSync(program, 'export default {}');
    await bench.queue.send(body.replace('PROGRAM', pathToFileURL(program).href));
    await bench.submit('job');
    const worker = await bench.begin({ once: true });
    expect(worker.trainer.order.spec.jobId).toBe('job');
    const [letter, ...others] = await dead();
    expect(letter?.reason).toMatch(reason);
    expect(letter?.receiveCount).toBe(1);
    expect(others).toEqual([]);
    worker.trainer.train(1);
    worker.trainer.finish();
    expect(await bench.exitOf(worker)).toBe(0);
    expect((await bench.state('job')).status).toBe('completed');
    expect(await bench.queue.depth()).toEqual(nothing);
  });

  it('keeps a worker that runs once no longer than it takes to set it aside', async () => {
    await bench.queue.send('garbage');
    expect(await bench.exitOf(bench.start({ once: true }))).toBe(0);
    expect(bench.clock.monotonicMs()).toBeLessThan(minuteMs);
  });

  it('is left in a queue without dead letters, and said so, and the worker goes on', async () => {
    await bench.queue.send('garbage');
    await bench.submit('job');
    const said: unknown[] = [];
    const queue = withMethods<JobQueue>(bench.queue, { setAside: () => Promise.resolve('left') });
    const worker = await bench.begin({ queue, hear: (...line) => said.push(line) });
    expect(worker.trainer.order.spec.jobId).toBe('job');
    expect(said).toContainEqual([
      'message-left',
      expect.objectContaining({ why: expect.stringContaining('no dead letters') }),
    ]);
    expect(await bench.queue.depth()).toEqual({ visible: 0, inFlight: 2, delayed: 0 });
  });

  it('does no harm where the dead letters refuse it', async () => {
    await bench.queue.send('garbage');
    await bench.submit('job');
    const queue = withMethods<JobQueue>(bench.queue, {
      setAside: () => Promise.reject(new AccessDeniedError('no.')),
    });
    const worker = await bench.begin({ queue });
    expect(worker.trainer.order.spec.jobId).toBe('job');
  });
});

describe('a message that may make sense later', () => {
  it('is set aside at its third receive, when nobody knows its job', async () => {
    await bench.queue.send(encodeTicket('nobody'));
    const worker = bench.start({ once: true });
    await bench.pass(3 * minuteMs);
    expect(await dead()).toEqual([]);
    expect(await bench.exitOf(worker)).toBe(0);
    expect(await dead()).toMatchObject([
      {
        excerpt: encodeTicket('nobody'),
        receiveCount: 3,
        reason: expect.stringContaining('no job `nobody`'),
      },
    ]);
  });

  it('is taken when its job has appeared meanwhile', async () => {
    await bench.queue.send(encodeTicket('late'));
    const worker = bench.start();
    await bench.pass(minuteMs);
    await bench.submit('late', { ticket: false });
    await bench.until('it begins', () => worker.trainers.at(-1)?.begun === true);
    expect(await dead()).toEqual([]);
  });

  it('is set aside when its program is not where it says, and can be sent once more', async () => {
    const program = join(bench.dir, 'later.mjs');
    await bench.queue.send(JSON.stringify({ format: 1, program: pathToFileURL(program).href }));
    expect(await bench.exitOf(bench.start({ once: true }))).toBe(0);
    const [letter] = await dead();
    expect(letter?.reason).toContain('later.mjs');
    writeFileSync(program, 'export default {}');
    await bench.queue.redrive(letter?.messageId ?? '');
    const worker = await bench.begin();
    expect(worker.trainer.order.spec.program).toMatchObject({ kind: 'training' });
    expect(await dead()).toEqual([]);
  });

  it.each([
    ['refused', new AccessDeniedError('S3 refused access.')],
    ['in another region', new UnfitError('S3 holds this bucket in another region.')],
  ])('does not stop the worker when its program lies in a bucket that is %s', async (_, error) => {
    await bench.queue.send(JSON.stringify({ format: 1, program: 's3://elsewhere/program.mjs' }));
    const worker = bench.start({ openStore: () => Promise.reject(error) });
    await bench.until('it is set aside', async () => (await dead()).length === 1);
    await bench.submit('job');
    await bench.until('the next begins', () => worker.trainers.at(-1)?.begun === true);
    expect((await dead())[0]?.reason).toContain(error.message);
  });

  it('is set aside when its journal is damaged, and the job goes on once it is restored', async () => {
    await bench.submit('job');
    const key = objectKeys.journalEntry('job', 1);
    const entry = (await bench.store.get(key))?.body ?? new Uint8Array();
    await bench.store.put(key, new TextEncoder().encode('{'));
    await bench.store.delete([objectKeys.stateHint('job')]);
    expect(await bench.exitOf(bench.start({ once: true }))).toBe(0);
    const [letter] = await dead();
    expect(letter?.reason).toContain('damaged');
    await bench.store.put(key, entry);
    await bench.queue.redrive(letter?.messageId ?? '');
    expect((await bench.begin()).trainer.order.spec.jobId).toBe('job');
  });
});

describe('what a newer Holdfast wrote', () => {
  it('is put back for longer every time, never set aside, and said so', async () => {
    await bench.queue.send('{"format":2,"job":{"id":"job"}}');
    const said: string[] = [];
    bench.start({ hear: (event) => void said.push(event) });
    await bench.pass(minuteMs);
    expect(said.filter((event) => event === 'message-of-a-newer-holdfast')).toHaveLength(1);
    await bench.clock.advance(6 * 60 * minuteMs);
    const receives = said.filter((event) => event === 'message-of-a-newer-holdfast').length;
    // 2, 4, 6, … 28 minutes, then every half hour: never more than a thousand in the 14 days of a message.
    expect(receives).toBeGreaterThan(15);
    expect(receives).toBeLessThan(25);
    expect(await dead()).toEqual([]);
    expect(await bench.queue.depth()).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
  });

  it('in a journal keeps its ticket too', async () => {
    await bench.submit('job');
    await bench.store.put(objectKeys.journalEntry('job', 1), new TextEncoder().encode('{"format":3}'));
    await bench.store.delete([objectKeys.stateHint('job')]);
    bench.start();
    await bench.clock.advance(60 * minuteMs);
    expect(await dead()).toEqual([]);
    expect((await bench.queue.depth()).inFlight).toBe(1);
  });
});

describe('a fault of ours that one message brings out', () => {
  it('ends three workers loudly, and no fourth', async () => {
    await bench.submit('job');
    const store = withMethods<ObjectStore>(bench.store, {
      list: () => Promise.reject(new InvariantError('broken invariant: of a test')),
    });
    for (let count = 1; count <= 3; count++) {
      const worker = bench.start({ store });
      const ended = worker.exitCode.catch((error: unknown) => error);
      let isOver = false;
      void ended.then(() => {
        isOver = true;
      });
      await bench.until('it ends', () => isOver);
      expect(await ended).toBeInstanceOf(InvariantError);
    }
    expect(await dead()).toMatchObject([
      { reason: expect.stringContaining('broken invariant'), receiveCount: 3 },
    ]);
    const healthy = bench.start({ once: true, store });
    expect(await bench.exitOf(healthy)).toBe(0);
  });
});
