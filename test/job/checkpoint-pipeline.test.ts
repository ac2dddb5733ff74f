import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { abortable } from '../../lib/base/deferred.ts';
import { openJournal } from '../../lib/journal/journal.ts';
import { requestPause } from '../../lib/journal/requests.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { withMethods } from '../support/with-methods.ts';
import { WorkerBench } from '../support/worker-bench.ts';

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
});
afterEach(() => bench.dispose());

/** The bench's store; uploads of chunks never end by themselves. */
const neverUploads = (): ObjectStore =>
  withMethods<ObjectStore>(bench.store, {
    put: (key, body, options) =>
      key.includes('/checkpoints/')
        ? abortable(new Promise(() => {}), options?.signal ?? new AbortController().signal)
        : bench.store.put(key, body, options),
  });

describe('a trainer that says something wrong', () => {
  it('ends its attempt at once when it is done with a checkpoint that it never staged', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(10);
    const done = { reason: 'done', ...worker.trainer.position, metrics: {} };
    worker.trainer.say({ kind: 'done', slot: 0, id: 't9', ...done });
    await bench.pass(8_000);
    expect((await bench.state('job')).lastRelease).toMatchObject({
      cause: 'infrastructure',
      message: expect.stringContaining('t9'),
    });
  });

  it('ends its attempt, not the worker, when a file that it announced is not there', async () => {
    const unheard: unknown[] = [];
    const hear = (error: unknown): void => void unheard.push(error);
    process.on('unhandledRejection', hear);
    onTestFinished(() => void process.off('unhandledRejection', hear));
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(10);
    const staging = { reason: 'policy' as const, ...worker.trainer.position, compatibility: {} };
    worker.trainer.say({
      kind: 'staging',
      slot: 1,
      id: 't1',
      ...staging,
      files: [{ path: 'nowhere', bytes: 8 }],
    });
    worker.trainer.say({ kind: 'staged', slot: 1, id: 't1' });
    await bench.until('it begins again', () => worker.trainers.length === 2 && worker.trainer.begun);
    expect((await bench.state('job')).lastRelease).toMatchObject({
      cause: 'infrastructure',
      message: expect.stringContaining('nowhere'),
    });
    expect(unheard).toEqual([]);
  });

  it('is refused when it speaks another protocol', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    const runtime = { backend: 'other', versions: {}, arch: 'none' };
    worker.trainer.say({ kind: 'hello', protocol: 2, runtime });
    await bench.pass(3_000);
    expect((await bench.state('job')).end).toMatchObject({
      kind: 'failed',
      reason: 'incompatible',
      message: expect.stringContaining('protocol 2'),
    });
  });
});

describe('a trainer that was asked to save and end, and just ends', () => {
  it('is paused without a strike, as a program is that cannot save on request', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(10);
    worker.trainer.answers = false;
    await requestPause(await openJournal(bench, 'job'), { by: 'somebody' });
    await bench.until('it is asked', () => worker.trainer.heard.some(({ kind }) => kind === 'checkpoint'));
    worker.trainer.exit(143);
    await bench.until('it is paused', async () => (await bench.state('job')).status === 'paused');
    const state = await bench.state('job');
    expect(state.strikes.total).toBe(0);
    expect(state.totals.claims).toBe(1);
  });
});

describe('an upload that does not make it before the deadline', () => {
  it('is let go, also when the trainer is gone, and the job is handed over in time', async () => {
    await bench.submit('job');
    const worker = await bench.begin({ store: neverUploads() });
    worker.trainer.train(10);
    worker.trainer.answers = false;
    worker.trainer.stage();
    await bench.pass(1_000);
    worker.announce(bench.spotNotice(60_000));
    await bench.pass(60_000);
    expect(worker.trainer.killed).toBe(true);
    expect(await bench.state('job')).toMatchObject({ status: 'interrupted', strikes: { total: 0 } });
    expect((await bench.queue.depth()).visible).toBe(1);
    expect(await bench.exitOf(worker)).toBe(75);
  });

  it('is let go when the trainer had died before the notice', async () => {
    await bench.submit('job');
    const worker = await bench.begin({ store: neverUploads() });
    worker.trainer.train(10);
    worker.trainer.stage();
    worker.trainer.exit(null);
    await bench.pass(1_000);
    worker.announce(bench.spotNotice(60_000));
    await bench.pass(60_000);
    expect((await bench.state('job')).status).toBe('interrupted');
    expect(await bench.exitOf(worker)).toBe(75);
  });
});
