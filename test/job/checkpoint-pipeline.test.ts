import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { abortable, deferred } from '../../lib/base/deferred.ts';
import { sha256Hex } from '../../lib/base/digest.ts';
import { TransientError } from '../../lib/base/errors.ts';
import { inProcessSender } from '../../lib/checkpoint/chunk-sender.ts';
import { openJournal } from '../../lib/journal/journal.ts';
import { requestPause } from '../../lib/journal/requests.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { FakeTrainer } from '../support/fake-trainer.ts';
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

describe('a trainer with one slot', () => {
  /** The bench's store, in which the upload of the checkpoint of step 10 gets nowhere. */
  const stuckAtTen = (): ObjectStore => {
    const stuck = sha256Hex(new TextEncoder().encode(FakeTrainer.contentOf(10)));
    return withMethods<ObjectStore>(bench.store, {
      put: (key, body, options) =>
        key.includes(stuck)
          ? abortable(new Promise(() => {}), options?.signal ?? new AbortController().signal)
          : bench.store.put(key, body, options),
    });
  };

  /** The bench's store, in which no checkpoint gets anywhere until `goOn`. */
  const heldUp = (): { readonly store: ObjectStore; readonly goOn: () => void } => {
    const untilThen = deferred();
    const store = withMethods<ObjectStore>(bench.store, {
      put: async (key, body, options) => {
        if (key.includes('/checkpoints/'))
          await abortable(untilThen.promise, options?.signal ?? new AbortController().signal);
        return bench.store.put(key, body, options);
      },
    });
    return { store, goOn: () => untilThen.resolve() };
  };

  for (const when of ['whole', 'still being written'] as const) {
    it(`gives it to the emergency where a save before it, ${when}, has hardly been sent`, async () => {
      await bench.submit('job');
      const worker = await bench.begin({ store: stuckAtTen() });
      worker.trainer.hasOneSlot = true;
      worker.trainer.train(10);
      const before = worker.trainer.begin();
      if (when === 'whole') before.finish();
      await bench.pass(1_000);
      worker.trainer.train(20);
      worker.announce(bench.spotNotice(60_000));
      await bench.pass(1_000);
      if (when !== 'whole') before.finish();
      expect(await bench.exitOf(worker)).toBe(75);
      expect((await bench.state('job')).checkpoints.map(({ step, reason }) => [step, reason])).toEqual([
        [20, 'notice'],
      ]);
    });
  }

  it('keeps it for a save that is its answer to the notice, as in an evaluation', async () => {
    await bench.submit('job');
    const { store, goOn } = heldUp();
    const worker = await bench.begin({ store });
    const { trainer } = worker;
    trainer.hasOneSlot = true;
    trainer.train(10);
    const as = trainer.stage();
    trainer.answers = false;
    worker.announce(bench.spotNotice(60_000));
    const asked = () => trainer.heard.find((message) => message.kind === 'checkpoint');
    await bench.until('it is asked', () => asked() !== undefined);
    trainer.say({ kind: 'unchanged', id: asked()?.id ?? '', as });
    await bench.pass(1_000);
    goOn();
    expect(await bench.exitOf(worker)).toBe(75);
    expect((await bench.state('job')).checkpoints.map(({ step }) => step)).toEqual([10]);
  });

  it('has what it staged committed when it dies before the notice', async () => {
    await bench.submit('job');
    const { store, goOn } = heldUp();
    const worker = await bench.begin({ store });
    const { trainer } = worker;
    trainer.hasOneSlot = true;
    trainer.train(10);
    trainer.stage();
    trainer.say({ kind: 'no-slot' });
    trainer.exit(null);
    await bench.pass(1_000);
    worker.announce(bench.spotNotice(60_000));
    await bench.pass(1_000);
    goOn();
    expect(await bench.exitOf(worker)).toBe(75);
    expect((await bench.state('job')).checkpoints.map(({ step }) => step)).toEqual([10]);
  });
});

describe('what a trainer is told of its save', () => {
  it('is how long it took, unless it failed: an outage is no measure of a flush', async () => {
    await bench.submit('job');
    let isAway = true;
    const store = withMethods<ObjectStore>(bench.store, {
      put: async (key, body, options) => {
        if (!isAway || !key.includes('/checkpoints/')) return bench.store.put(key, body, options);
        await bench.clock.sleep(10_000);
        throw new TransientError('the store is away.');
      },
    });
    const worker = await bench.begin({ store });
    const releases = () => worker.trainer.heard.filter(({ kind }) => kind === 'release');
    worker.trainer.train(10);
    worker.trainer.stage();
    await bench.until('it is given up', () => releases().length === 1);
    isAway = false;
    worker.trainer.stage();
    await bench.until('it is committed', () => releases().length === 2);
    expect(releases()).toEqual([
      { kind: 'release', slot: 0, committed: false },
      { kind: 'release', slot: 0, committed: true, flushMs: expect.any(Number) },
    ]);
  });
});

describe('what a save is sent by', () => {
  it('is told of a notice before the trainer is asked, and sends what comes then', async () => {
    await bench.submit('job');
    const said: string[] = [];
    const ports = { store: bench.store, clock: bench.clock, random: bench.random };
    const worker = await bench.begin({
      transfer: {
        senderFor: (bytes) => {
          said.push(`send ${bytes}`);
          return inProcessSender(ports);
        },
        receiverFor: () => undefined,
        hurry: () => said.push(`hurry, asked ${worker.trainer.heard.at(-1)?.kind === 'checkpoint'}`),
        close: () => Promise.resolve(),
      },
    });
    worker.trainer.train(10);
    worker.trainer.stage();
    await bench.until('it is committed', async () => (await bench.state('job')).checkpoints.length === 1);
    worker.trainer.train(20);
    worker.announce(bench.spotNotice(5_000));
    expect(await bench.exitOf(worker)).toBe(75);
    const send = `send ${FakeTrainer.contentOf(10).length}`;
    expect(said).toEqual([send, 'hurry, asked false', send]);
    expect((await bench.state('job')).checkpoints.at(-1)?.step).toBe(20);
  });

  it('deletes nothing after a notice, so that the hand-over does not wait for it', async () => {
    await bench.submit('job');
    const deleted: string[] = [];
    const store = withMethods<ObjectStore>(bench.store, {
      delete: async (keys, options) => {
        deleted.push(...keys);
        return bench.store.delete(keys, options);
      },
    });
    const worker = await bench.begin({ store });
    for (const step of [10, 20, 30, 40, 50, 60, 70]) {
      worker.trainer.train(step);
      worker.trainer.stage();
      const isThere = async (): Promise<boolean> =>
        (await bench.state('job')).checkpoints.at(-1)?.step === step;
      await bench.until('it is committed', isThere);
    }
    await bench.pass(1_000);
    const before = deleted.length;
    expect(before).toBeGreaterThan(0);
    worker.trainer.train(80);
    worker.announce(bench.spotNotice(20_000));
    expect(await bench.exitOf(worker)).toBe(75);
    expect((await bench.state('job')).checkpoints.at(-1)?.step).toBe(80);
    expect(deleted).toHaveLength(before);
  });
});
