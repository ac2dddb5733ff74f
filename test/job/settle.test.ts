import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { requestCancel, requestPause, requestResume } from '../../lib/journal/requests.ts';
import { openJournal } from '../../lib/journal/journal.ts';
import { encodeTicket } from '../../lib/contract/ticket.ts';
import { readHeartbeat } from '../../lib/journal/heartbeat.ts';
import { TransientError } from '../../lib/base/errors.ts';
import type { JobQueue } from '../../lib/queue/job-queue.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { behindGate, withMethods } from '../support/with-methods.ts';
import { WorkerBench } from '../support/worker-bench.ts';

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
});
afterEach(() => bench.dispose());

const statusIs = (jobId: string, status: string) => async (): Promise<boolean> =>
  (await bench.state(jobId)).status === status;

describe('an attempt that ends', () => {
  it('completes with its last checkpoint, its reason and its metrics, and drops the ticket', async () => {
    await bench.submit('job');
    const worker = await bench.begin({ once: true });
    worker.trainer.train(100);
    worker.trainer.finish({ accuracy: 0.97 });
    await bench.until('it is completed', statusIs('job', 'completed'));
    const state = await bench.state('job');
    expect(state.end).toMatchObject({
      kind: 'completed',
      reason: 'all steps are done',
      step: 100,
      metrics: { accuracy: 0.97 },
    });
    expect(state.checkpoints.at(-1)).toMatchObject({ step: 100, reason: 'end' });
    await bench.pass(30_000);
    expect(await bench.exitOf(worker)).toBe(0);
    expect(await bench.queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
    expect(worker.trainer.heard.at(-1)).toEqual({ kind: 'stop' });
  });

  it('is tried once more after an error of the program, and fails at the second with the stack', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(3);
    worker.trainer.fail({ message: 'boom', stack: 'Error: boom\n    at step (train.ts:12:3)' });
    await bench.until('it starts again', () => worker.trainers.length === 2 && worker.trainer.begun);
    expect(await bench.state('job')).toMatchObject({ status: 'running', strikes: { errors: 1 } });
    worker.trainer.train(3);
    worker.trainer.fail({ message: 'boom', stack: 'Error: boom\n    at step (train.ts:12:3)' });
    await bench.until('it failed', statusIs('job', 'failed'));
    expect((await bench.state('job')).end).toMatchObject({
      reason: 'user-error',
      message: expect.stringContaining('train.ts:12:3'),
    });
    expect(await bench.queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  it('forgives errors once a checkpoint lies beyond them', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(3);
    worker.trainer.fail();
    await bench.until('it starts again', () => worker.trainers.length === 2 && worker.trainer.begun);
    worker.trainer.train(4);
    worker.trainer.stage();
    await bench.until(
      'a commit clears the strike',
      async () => (await bench.state('job')).strikes.errors === 0,
    );
    worker.trainer.fail();
    await bench.until('it starts a third time', () => worker.trainers.length === 3 && worker.trainer.begun);
    expect((await bench.state('job')).status).toBe('running');
  });

  it('fails at once for a loss that is no number, and keeps the last good checkpoint', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(5);
    worker.trainer.stage();
    await bench.until(
      'a checkpoint is there',
      async () => (await bench.state('job')).checkpoints.length === 1,
    );
    worker.trainer.train(6);
    worker.trainer.fail({ cause: 'non-finite-loss', message: 'loss is NaN at step 6' });
    await bench.until('it failed', statusIs('job', 'failed'));
    expect(await bench.state('job')).toMatchObject({
      end: { reason: 'non-finite-loss', message: 'loss is NaN at step 6' },
      checkpoints: [{ step: 5 }],
    });
  });

  it('fails at once for a checkpoint that does not fit, with the list of differences', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.fail({
      cause: 'incompatible',
      message: 'the checkpoint does not fit:\n  - tensor `a`: [2], not [3]',
    });
    await bench.until('it failed', statusIs('job', 'failed'));
    expect((await bench.state('job')).end?.message).toContain('tensor `a`: [2], not [3]');
  });

  it("counts a trainer that vanishes as the machine's fault, and retires after two in a row", async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.exit(null);
    await bench.until('it starts again', () => worker.trainers.length === 2 && worker.trainer.begun);
    worker.trainer.exit(null);
    await bench.pass(3_000);
    expect(await bench.exitOf(worker)).toBe(70);
    const state = await bench.state('job');
    expect(state).toMatchObject({ status: 'interrupted', strikes: { errors: 0, total: 1 } });
    await bench.pass(6_000);
    expect((await bench.queue.depth()).visible).toBe(1);
  });

  it('does not take a machine for broken on which something was committed', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    for (const attempt of [1, 2, 3]) {
      worker.trainer.train(10 * attempt);
      worker.trainer.stage();
      await bench.until(
        'it is committed',
        async () => (await bench.state('job')).checkpoints.at(-1)?.step === 10 * attempt,
      );
      worker.trainer.exit(null);
      await bench.until(
        'it starts again',
        () => worker.trainers.length === attempt + 1 && worker.trainer.begun,
      );
    }
    expect((await bench.state('job')).status).toBe('running');
  });

  it('commits what the dead trainer had staged whole, and nothing of what it was writing', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(8);
    worker.trainer.stage();
    worker.trainer.train(9);
    worker.trainer.begin();
    worker.trainer.exit(null);
    await bench.until('it starts again', () => worker.trainers.length === 2 && worker.trainer.begun);
    expect((await bench.state('job')).checkpoints.map(({ step }) => step)).toEqual([8]);
  });

  it('is killed when its budget is spent without progress, and says so', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(2);
    worker.trainer.say({ kind: 'phase', phase: 'training', budgetMs: 45_000 });
    await bench.until(
      'it was given up',
      async () => (await bench.state('job')).lastRelease?.cause === 'hung',
    );
    const [first] = worker.trainers;
    expect(first?.killed).toBe(true);
    expect((await bench.state('job')).lastRelease?.message).toMatch(
      /no progress for \d+ ms in phase training at step 2/,
    );
  });

  it('pauses with a checkpoint when an operator asks, and drops the ticket', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(30);
    await requestPause(await openJournal(bench, 'job'), { by: 'ann' });
    await bench.until('it is paused', statusIs('job', 'paused'));
    const state = await bench.state('job');
    expect(state.checkpoints.at(-1)).toMatchObject({ step: 30, reason: 'pause' });
    expect(await bench.queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
    expect(worker.trainer.killed).toBe(true);
  });

  it('goes on when the operator changes his mind while the checkpoint is under way', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.answers = false;
    worker.trainer.train(30);
    const journal = await openJournal(bench, 'job');
    await requestPause(journal, { by: 'ann' });
    await bench.until('the checkpoint is asked for', () =>
      worker.trainer.heard.some((message) => message.kind === 'checkpoint' && message.reason === 'pause'),
    );
    await requestResume(journal, { by: 'ann' });
    worker.trainer.stage({ id: 's1', reason: 'pause' });
    await bench.until('the job is claimed again', async () => (await bench.state('job')).totals.claims === 2);
    expect(await bench.state('job')).toMatchObject({ status: 'running', strikes: { total: 0 } });
    expect((await bench.kinds('job')).filter((kind) => kind === 'paused')).toEqual([]);
  });

  it('is cancelled when an operator asks', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(30);
    await requestCancel(await openJournal(bench, 'job'), { by: 'ann' });
    await bench.until('it is cancelled', statusIs('job', 'cancelled'));
    expect(worker.trainer.killed).toBe(true);
    expect(await bench.queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  it('goes on training when a periodic checkpoint cannot be stored', async () => {
    await bench.submit('job');
    let isDown = false;
    const flaky = withMethods<ObjectStore>(bench.store, {
      put: async (key, body, options) => {
        if (isDown && key.includes('/checkpoints/')) throw new TransientError('the store is down');
        return bench.store.put(key, body, options);
      },
    });
    const worker = await bench.begin({ store: flaky });
    isDown = true;
    worker.trainer.train(5);
    worker.trainer.stage();
    await bench.pass(60_000);
    expect((await bench.state('job')).checkpoints).toHaveLength(0);
    isDown = false;
    worker.trainer.train(10);
    worker.trainer.stage();
    await bench.until(
      'the next one is committed',
      async () => (await bench.state('job')).checkpoints.at(-1)?.step === 10,
    );
    expect(worker.trainer.killed).toBe(false);
  });
});

describe('tickets', () => {
  it('are renewed while the trainer makes progress, so that nobody else takes the job', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    for (let minute = 0; minute < 10; minute++) {
      worker.trainer.train(minute + 1);
      await bench.pass(50_000);
    }
    expect((await bench.state('job')).totals.claims).toBe(1);
    expect((await bench.queue.depth()).inFlight).toBe(1);
  });

  it('are handed over before SQS would take them away after 12 hours', async () => {
    await bench.submit('job');
    const worker = await bench.begin({ timers: { handoverAfterMs: 90_000 } });
    worker.trainer.train(40);
    await bench.until(
      'the worker claims the job again',
      async () => (await bench.state('job')).totals.claims === 2,
    );
    expect(await bench.state('job')).toMatchObject({
      strikes: { total: 0 },
      lastRelease: { cause: 'handover', step: 40 },
    });
    await bench.until('a second trainer begins', () => worker.trainers.length >= 2 && worker.trainer.begun);
    expect(worker.trainer.restoredFrom).toBeDefined();
  });

  it('that are lost though the job is ours make the worker hand over to itself', async () => {
    await bench.submit('job');
    let isLost = false;
    const queue = withMethods<JobQueue>(bench.queue, {
      changeVisibility: async (handle, ms) => (isLost ? 'lost' : bench.queue.changeVisibility(handle, ms)),
    });
    const worker = await bench.begin({ queue });
    worker.trainer.train(11);
    isLost = true;
    await bench.until(
      'it is handed over',
      async () => (await bench.state('job')).lastRelease?.cause === 'handover',
    );
    isLost = false;
    await bench.until('and claimed again', async () => (await bench.state('job')).totals.claims === 2);
    expect((await bench.state('job')).checkpoints.at(-1)?.step).toBe(11);
  });

  it('of a finished job are deleted, and of an unknown job come back for a while', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(1);
    worker.trainer.finish();
    await bench.until('it is completed', statusIs('job', 'completed'));
    await bench.queue.send(encodeTicket('job'));
    await bench.pass(30_000);
    expect(await bench.queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
    await bench.queue.send(encodeTicket('nobody'));
    await bench.pass(30_000);
    expect((await bench.queue.depth()).inFlight).toBe(1);
  });

  it('that make no sense do not stop the worker', async () => {
    await bench.queue.send('what is this');
    await bench.submit('job');
    const worker = await bench.begin();
    expect(worker.trainer.order.spec.jobId).toBe('job');
  });
});

describe('two workers', () => {
  it('race for one job with two tickets, and one of them trains', async () => {
    await bench.submit('job');
    await bench.queue.send(encodeTicket('job'));
    const workers = [bench.start(), bench.start()];
    await bench.until('one begins', () => workers.some(({ trainers }) => trainers.at(-1)?.begun));
    await bench.pass(30_000);
    expect(workers.map(({ trainers }) => trainers.length).toSorted((one, other) => one - other)).toEqual([
      0, 1,
    ]);
    expect((await bench.state('job')).totals.claims).toBe(1);
    expect(await bench.queue.depth()).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
  });

  it('a zombie that wakes after the take-over commits nothing, touches no ticket and ends its trainer', async () => {
    await bench.submit('job');
    let isFrozen = false;
    // A frozen machine neither reads nor writes until it wakes.
    const frozen = behindGate<ObjectStore>(bench.store, async () => {
      while (isFrozen) await bench.clock.sleep(1_000);
    });
    const zombie = await bench.begin({ store: frozen });
    zombie.trainer.train(10);
    isFrozen = true;
    zombie.trainer.stage();
    await bench.pass(125_000);
    const heir = await bench.begin();
    heir.trainer.train(5);
    heir.trainer.stage();
    await bench.until('the heir commits', async () => (await bench.state('job')).checkpoints.length === 1);
    const before = await bench.queue.depth();
    isFrozen = false;
    await bench.until('the zombie gives up', () => zombie.trainer.killed);
    await bench.pass(5_000);
    const state = await bench.state('job');
    expect(state.checkpoints.map(({ claim, step }) => [claim, step])).toEqual([[state.newestClaim, 5]]);
    expect(state.ignored.count).toBe(0);
    expect(await bench.queue.depth()).toEqual(before);
    expect(heir.trainer.killed).toBe(false);
  });

  it('after a silent death the replacement waits for the ticket, then counts a strike and goes on', async () => {
    await bench.submit('job');
    let isDead = false;
    const dead = behindGate<ObjectStore>(bench.store, () =>
      isDead ? new Promise(() => {}) : Promise.resolve(),
    );
    const lost = await bench.begin({ store: dead });
    lost.trainer.train(10);
    lost.trainer.stage();
    await bench.until(
      'a checkpoint is there',
      async () => (await bench.state('job')).checkpoints.length === 1,
    );
    lost.trainer.train(25);
    await bench.until('a heartbeat told of it', async () => {
      const heard = await readHeartbeat(bench.store, 'job', (await bench.state('job')).newestClaim);
      return heard?.heartbeat.step === 25;
    });
    isDead = true;
    const heir = bench.start();
    await bench.pass(60_000);
    expect(heir.trainers).toHaveLength(0);
    await bench.until('the replacement begins', () => heir.trainers.at(-1)?.begun === true);
    const state = await bench.state('job');
    expect(state.totals).toMatchObject({ silentDeaths: 1, lostSteps: 15 });
    expect(state.strikes.total).toBe(1);
    expect((await bench.entries('job')).at(-1)).toMatchObject({ kind: 'restored', step: 10 });
  });
});
