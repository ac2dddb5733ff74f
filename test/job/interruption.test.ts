import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { withMethods } from '../support/with-methods.ts';
import { WorkerBench } from '../support/worker-bench.ts';

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
});
afterEach(() => bench.dispose());

const committed = async (jobId: string, step: number): Promise<boolean> =>
  (await bench.state(jobId)).checkpoints.some((record) => record.step === step);

describe('a worker that meets an interruption', () => {
  it('takes nothing when the notice is there before the first receive, and must not be started again', async () => {
    await bench.submit('job');
    const worker = bench.start({ notice: bench.spotNotice() });
    await bench.pass(2_000);
    expect(await bench.exitOf(worker)).toBe(75);
    expect(await bench.kinds('job')).toEqual(['submitted']);
    expect(await bench.queue.depth()).toMatchObject({ visible: 1, inFlight: 0 });
  });

  it('ends at once when the notice comes while it is idle', async () => {
    const worker = bench.start();
    await bench.pass(5_000);
    worker.announce(bench.spotNotice());
    await bench.pass(30_000);
    expect(await bench.exitOf(worker)).toBe(75);
  });

  it('drains with 0 when an operator stops it while it is idle', async () => {
    const worker = bench.start();
    await bench.pass(5_000);
    worker.announce({ kind: 'process-signal', signal: 'SIGTERM' });
    await bench.pass(30_000);
    expect(await bench.exitOf(worker)).toBe(0);
  });

  it('ends when it was idle as long as it may be, however long a poll of the queue takes', async () => {
    const worker = bench.start({ idleExitMs: 3_000 });
    let isEnded = false;
    void worker.exitCode.then(() => (isEnded = true));
    await bench.pass(2_600);
    expect(isEnded).toBe(false);
    await bench.pass(1_000);
    expect(isEnded).toBe(true);
    expect(await bench.exitOf(worker)).toBe(0);
  });

  it('hands the job over at once, without a strike, when the notice comes during restore', async () => {
    await bench.submit('job');
    const first = await bench.begin();
    first.trainer.train(10);
    first.announce(bench.spotNotice());
    await bench.pass(3_000);
    const neverRestores = withMethods<ObjectStore>(bench.store, {
      get: async (key) => (key.endsWith('/manifest.json') ? new Promise(() => {}) : bench.store.get(key)),
    });
    const worker = bench.start({ store: neverRestores });
    await bench.until('the job is claimed again', async () => (await bench.state('job')).totals.claims === 2);
    worker.announce(bench.spotNotice());
    await bench.pass(3_000);
    expect((await bench.kinds('job')).slice(-2)).toEqual(['claimed', 'released']);
    expect(await bench.state('job')).toMatchObject({ status: 'interrupted', strikes: { total: 0 } });
    expect((await bench.queue.depth()).visible).toBe(1);
    expect(worker.trainer.killed).toBe(true);
  });

  it('saves at the notice and at the last safe moment, trains in between, loses no step and sends a new ticket', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(10);
    worker.trainer.stage();
    await bench.until('the first checkpoint is committed', () => committed('job', 10));
    worker.trainer.train(12);
    const noticedAtMs = bench.clock.monotonicMs();
    const halts = (): unknown[] =>
      worker.trainer.heard.flatMap((heard) => (heard.kind === 'checkpoint' ? [heard.halt] : []));
    worker.announce(bench.spotNotice(60_000));
    await bench.until('the state at the notice is committed', () => committed('job', 12));
    worker.trainer.train(20);
    expect(halts()).toEqual([false]);
    await bench.until('the last checkpoint is asked for', () => halts().length > 1);
    expect(halts()).toEqual([false, true]);
    expect(bench.clock.monotonicMs() - noticedAtMs).toBeGreaterThan(52_000);
    await bench.pass(5_000);
    expect(await bench.exitOf(worker)).toBe(75);
    const state = await bench.state('job');
    expect(state).toMatchObject({ status: 'interrupted', lastRelease: { cause: 'interrupted', step: 20 } });
    expect(state.checkpoints.at(-1)).toMatchObject({ step: 20, reason: 'notice' });
    expect(await bench.kinds('job')).toEqual([
      'submitted',
      'claimed',
      'restored',
      'checkpoint',
      'checkpoint',
      'checkpoint',
      'released',
    ]);
    expect(await bench.queue.depth()).toEqual({ visible: 1, inFlight: 0, delayed: 0 });
    expect(worker.trainer.killed).toBe(true);
  });

  it('saves at once when nothing is known of the time that a save takes', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(5);
    worker.announce(bench.spotNotice());
    await bench.pass(3_000);
    expect(await bench.exitOf(worker)).toBe(75);
    expect((await bench.state('job')).checkpoints.at(-1)?.step).toBe(5);
  });

  it('saves at once for a hibernation, which gives no time', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(5);
    worker.trainer.stage();
    await bench.until('a save was measured', () => committed('job', 5));
    worker.trainer.train(9);
    worker.announce({
      kind: 'spot-interruption',
      action: 'hibernate',
      at: bench.clock.now(),
      remainingMs: 0,
    });
    await bench.pass(3_000);
    expect(await bench.exitOf(worker)).toBe(75);
    expect((await bench.state('job')).checkpoints.at(-1)?.step).toBe(9);
  });

  it('commits the newest staged checkpoint when the trainer does not answer in time', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(7);
    worker.trainer.stage();
    await bench.until('a save was measured', () => committed('job', 7));
    worker.trainer.answers = false;
    worker.trainer.train(12);
    worker.announce(bench.spotNotice(30_000));
    await bench.pass(20_000);
    worker.trainer.stage();
    await bench.pass(12_000);
    expect(await bench.exitOf(worker)).toBe(75);
    expect((await bench.state('job')).checkpoints.at(-1)).toMatchObject({ step: 12, reason: 'policy' });
    expect(worker.trainer.killed).toBe(true);
  });

  it('lets an unanswered trainer go before the deadline, whatever it does', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.answers = false;
    worker.trainer.train(3);
    const noticedAtMs = bench.clock.monotonicMs();
    worker.announce(bench.spotNotice(20_000));
    await bench.until('it ends', async () => (await bench.state('job')).status === 'interrupted');
    expect(bench.clock.monotonicMs() - noticedAtMs).toBeLessThan(20_000);
    expect(await bench.exitOf(worker)).toBe(75);
  });

  it('keeps the upload under way when the trainer dies while it writes the emergency checkpoint', async () => {
    await bench.submit('job');
    let isSlow = true;
    const slow = withMethods<ObjectStore>(bench.store, {
      put: async (key, body, options) => {
        while (isSlow && key.includes('/checkpoints/')) await bench.clock.sleep(500);
        options?.signal?.throwIfAborted();
        return bench.store.put(key, body, options);
      },
    });
    const worker = await bench.begin({ store: slow });
    worker.trainer.answers = false;
    worker.trainer.train(6);
    worker.trainer.stage();
    await bench.pass(1_000);
    worker.trainer.train(9);
    worker.announce(bench.spotNotice());
    await bench.until('it is asked', () => worker.trainer.heard.some(({ kind }) => kind === 'checkpoint'));
    worker.trainer.begin({ id: 's1', reason: 'notice' });
    await bench.pass(1_000);
    worker.trainer.exit(null);
    isSlow = false;
    expect(await bench.exitOf(worker)).toBe(75);
    expect((await bench.state('job')).checkpoints.map(({ step }) => step)).toEqual([6]);
  });

  it('lets the emergency checkpoint pass an upload that has just begun', async () => {
    await bench.submit('job');
    let isStuck = true;
    const stuck = withMethods<ObjectStore>(bench.store, {
      put: async (key, body, options) => {
        while (isStuck && key.includes('step6/')) await bench.clock.sleep(500, options?.signal);
        return bench.store.put(key, body, options);
      },
    });
    const worker = await bench.begin({ store: stuck });
    worker.trainer.train(6);
    worker.trainer.stage();
    await bench.pass(1_000);
    worker.trainer.train(9);
    worker.announce(bench.spotNotice());
    expect(await bench.exitOf(worker)).toBe(75);
    isStuck = false;
    expect((await bench.state('job')).checkpoints.map(({ step, reason }) => [step, reason])).toEqual([
      [9, 'notice'],
    ]);
  });

  it('makes room for the emergency checkpoint when both slots are taken', async () => {
    await bench.submit('job');
    let isStuck = true;
    const stuck = withMethods<ObjectStore>(bench.store, {
      put: async (key, body, options) => {
        while (isStuck && /step[67]\//.test(key)) await bench.clock.sleep(500, options?.signal);
        return bench.store.put(key, body, options);
      },
    });
    const worker = await bench.begin({ store: stuck });
    worker.trainer.answers = false;
    worker.trainer.train(6);
    worker.trainer.stage();
    worker.trainer.train(7);
    worker.trainer.stage();
    await bench.pass(1_000);
    worker.trainer.train(9);
    worker.announce(bench.spotNotice());
    // As a trainer does: it waits for a slot before it writes.
    await bench.until('a slot is free', () => worker.trainer.heard.some(({ kind }) => kind === 'release'));
    worker.trainer.stage({ id: 's1', reason: 'notice' });
    expect(await bench.exitOf(worker)).toBe(75);
    isStuck = false;
    expect((await bench.state('job')).checkpoints.map(({ step, reason }) => [step, reason])).toEqual([
      [9, 'notice'],
    ]);
  });

  it('takes a checkpoint and goes on at a rebalance recommendation', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(4);
    worker.announce({ kind: 'rebalance-recommendation', noticedAt: bench.clock.now() });
    await bench.until('the checkpoint is committed', () => committed('job', 4));
    expect(worker.trainer.heard).toContainEqual(
      expect.objectContaining({ kind: 'checkpoint', reason: 'rebalance', halt: false }),
    );
    expect(worker.trainer.killed).toBe(false);
    expect((await bench.state('job')).status).toBe('running');
    worker.trainer.finish();
    await bench.until('the job ends', async () => (await bench.state('job')).status === 'completed');
  });

  it('hands over at once when somebody stops the worker', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(6);
    worker.trainer.stage();
    await bench.until('a save was measured', () => committed('job', 6));
    worker.trainer.train(8);
    worker.announce({ kind: 'process-signal', signal: 'SIGTERM' });
    await bench.pass(3_000);
    expect(await bench.exitOf(worker)).toBe(75);
    expect((await bench.state('job')).checkpoints.at(-1)?.step).toBe(8);
  });

  it('completes a job whose last checkpoint is on its way when the notice comes', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(50);
    worker.announce(bench.spotNotice());
    worker.trainer.finish({ accuracy: 0.9 });
    await bench.until('it has ended', async () => (await bench.state('job')).status !== 'running');
    expect(await bench.state('job')).toMatchObject({
      status: 'completed',
      end: { metrics: { accuracy: 0.9 } },
    });
    expect(await bench.queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
    await bench.pass(30_000);
    expect(await bench.exitOf(worker)).toBe(75);
  });
});

describe('a replacement', () => {
  it('goes on from the checkpoint of the machine that was lost', async () => {
    await bench.submit('job');
    const lost = await bench.begin();
    lost.trainer.train(10);
    lost.announce(bench.spotNotice());
    await bench.pass(3_000);
    expect(await bench.exitOf(lost)).toBe(75);
    const replacement = await bench.begin();
    expect(replacement.trainer.restoredFrom).toBeDefined();
    const restored = (await bench.entries('job')).findLast(({ kind }) => kind === 'restored');
    expect(restored).toMatchObject({ step: 10, claim: (await bench.state('job')).newestClaim });
    replacement.trainer.train(20);
    replacement.trainer.finish();
    await bench.until('the job is completed', async () => (await bench.state('job')).status === 'completed');
    expect((await bench.state('job')).totals).toMatchObject({ claims: 2, interruptions: 1, lostSteps: 0 });
  });
});
