import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobQueue } from '../../lib/queue/job-queue.ts';
import { TransientError } from '../../lib/base/errors.ts';
import { FakeMembership } from '../support/fake-membership.ts';
import { withMethods } from '../support/with-methods.ts';
import { WorkerBench } from '../support/worker-bench.ts';

let bench: WorkerBench;
let member: FakeMembership;
beforeEach(() => {
  bench = new WorkerBench();
  member = new FakeMembership();
});
afterEach(() => bench.dispose());

const idleExitMs = 60_000;
const status = async (jobId: string): Promise<string> => (await bench.state(jobId)).status;

/** A worker that has finished one job. */
async function afterOneJob(
  options: { readonly next?: boolean } = {},
): Promise<ReturnType<WorkerBench['start']>> {
  await bench.submit('job');
  const worker = await bench.begin({ membership: member, idleExitMs });
  if (options.next === true) await bench.submit('next');
  worker.trainer.train(5);
  worker.trainer.finish();
  await bench.until('the job is completed', async () => (await status('job')) === 'completed');
  return worker;
}

describe('a worker of a fleet without a job', () => {
  it('takes its instance out, ends the wait of the hook, and has drained', async () => {
    member.hookWaitsAfter = 2;
    const worker = bench.start({ membership: member, idleExitMs });
    expect(await bench.exitOf(worker)).toBe(0);
    expect(member.asked).toEqual(['unprotect', 'retire', 'complete', 'complete', 'complete']);
    expect(bench.clock.monotonicMs()).toBeGreaterThanOrEqual(idleExitMs);
  });

  it('has drained though the notice of its own retirement comes before the hook is complete', async () => {
    member.hookWaitsAfter = 10;
    const worker = bench.start({ membership: member, idleExitMs });
    await bench.until('it retires', () => member.count('retire') === 1);
    worker.announce({ kind: 'target-lifecycle-state', state: 'Terminated' });
    expect(await bench.exitOf(worker)).toBe(0);
  });

  it('takes no job after it has asked to go', async () => {
    member.hookWaitsAfter = 5;
    const worker = bench.start({ membership: member, idleExitMs });
    await bench.until('it retires', () => member.count('retire') === 1);
    await bench.submit('late');
    expect(await bench.exitOf(worker)).toBe(0);
    expect(await bench.kinds('late')).toEqual(['submitted']);
    expect(await bench.queue.depth()).toMatchObject({ visible: 1, inFlight: 0 });
  });

  it('stays where the fleet needs it, asks again after the same time, and works in between', async () => {
    member.atMinimum = true;
    const worker = bench.start({ membership: member, idleExitMs });
    await bench.pass(2.5 * idleExitMs);
    expect(member.count('retire')).toBe(2);
    await bench.submit('job');
    await bench.until('a trainer begins', () => worker.trainers.at(-1)?.begun === true);
    worker.trainer.finish();
    await bench.until('the job is completed', async () => (await status('job')) === 'completed');
    member.atMinimum = false;
    expect(await bench.exitOf(worker)).toBe(0);
  });

  it('stays when nobody answers, rather than to leave a machine behind that nobody works on', async () => {
    member.fail(/retire/);
    const worker = bench.start({ membership: member, idleExitMs });
    await bench.pass(1.5 * idleExitMs);
    await bench.submit('job');
    await bench.until('a trainer begins', () => worker.trainers.at(-1)?.begun === true);
    worker.announce(bench.spotNotice());
    await bench.pass(3_000);
    expect(await bench.exitOf(worker)).toBe(75);
  });

  it('is replaced where the fleet needs one, but of a newer template', async () => {
    member.atMinimum = true;
    member.outdated = true;
    const worker = bench.start({ membership: member, idleExitMs });
    expect(await bench.exitOf(worker)).toBe(0);
    expect(member.asked).toEqual(['unprotect', 'retire', 'outdated?', 'retire (replaced)', 'complete']);
  });
});

describe('a worker between two jobs', () => {
  it('goes on where its template is the newest', async () => {
    const worker = await afterOneJob({ next: true });
    await bench.until('it takes the next job', () => worker.trainers.length === 2);
    expect(member.asked.filter((name) => name.startsWith('retire'))).toEqual([]);
    expect(member.isProtected).toBe(true);
    worker.announce(bench.spotNotice());
    await bench.pass(3_000);
    expect(await bench.exitOf(worker)).toBe(75);
  });

  it('makes way for an instance of the newer template where jobs wait', async () => {
    member.outdated = true;
    const worker = await afterOneJob({ next: true });
    expect(await bench.exitOf(worker)).toBe(0);
    expect(member.asked).toContain('retire (replaced)');
    expect(member.asked).not.toContain('retire');
    expect(member.asked.at(-1)).toBe('complete');
    expect(await status('next')).toBe('queued');
    expect(await bench.queue.depth()).toMatchObject({ visible: 1, inFlight: 0 });
  });

  it('lets the fleet shrink where its template is old and no job waits', async () => {
    member.outdated = true;
    const worker = await afterOneJob();
    expect(await bench.exitOf(worker)).toBe(0);
    expect(member.asked.filter((name) => name.startsWith('retire'))).toEqual(['retire']);
  });

  it('is replaced at the minimum of the fleet though no job waits', async () => {
    member.outdated = true;
    member.atMinimum = true;
    const worker = await afterOneJob();
    expect(await bench.exitOf(worker)).toBe(0);
    expect(member.asked.filter((name) => name.startsWith('retire'))).toEqual(['retire', 'retire (replaced)']);
  });

  it('takes one more job with the old template while the queue cannot be asked', async () => {
    member.outdated = true;
    await bench.submit('job');
    const deaf = withMethods<JobQueue>(bench.queue, {
      depth: () => Promise.reject(new TransientError('SQS did not answer this call properly:')),
    });
    const worker = await bench.begin({ membership: member, queue: deaf });
    await bench.submit('next');
    worker.trainer.finish();
    await bench.until('it takes the next job', () => worker.trainers.length === 2);
    expect(member.asked.filter((name) => name.startsWith('retire'))).toEqual([]);
    worker.announce(bench.spotNotice());
    await bench.pass(3_000);
    expect(await bench.exitOf(worker)).toBe(75);
  });

  it('does not ask about templates once its end is announced', async () => {
    member.outdated = true;
    await bench.submit('job');
    const worker = await bench.begin({ membership: member });
    worker.trainer.train(49);
    worker.trainer.stage();
    await bench.until('a save was measured', async () => (await bench.state('job')).committed > 0);
    worker.announce(bench.spotNotice());
    await bench.pass(3_000);
    worker.trainer.train(50);
    worker.trainer.finish();
    expect(await bench.exitOf(worker)).toBe(75);
    expect(await status('job')).toBe('completed');
    expect(member.asked).not.toContain('outdated?');
  });
});

describe('a worker that Auto Scaling ends', () => {
  it('hands over first, and then ends the wait of the hook at once', async () => {
    await bench.submit('job');
    const worker = await bench.begin({ membership: member });
    worker.trainer.train(12);
    worker.announce({ kind: 'target-lifecycle-state', state: 'Terminated' });
    await bench.until('the hook is asked for', () => member.count('complete') > 0);
    expect(await bench.kinds('job')).toEqual(
      expect.arrayContaining(['claimed', 'restored', 'checkpoint', 'released']),
    );
    expect(await bench.state('job')).toMatchObject({ status: 'interrupted' });
    expect(await bench.queue.depth()).toMatchObject({ visible: 1, inFlight: 0 });
    expect(await bench.exitOf(worker)).toBe(75);
    expect(member.count('complete')).toBe(1);
  });

  it('ends the wait when it was idle, too', async () => {
    const worker = bench.start({ membership: member });
    await bench.pass(5_000);
    worker.announce({ kind: 'target-lifecycle-state', state: 'Terminated' });
    await bench.pass(30_000);
    expect(await bench.exitOf(worker)).toBe(75);
    expect(member.asked).toEqual(['complete']);
  });

  it('completes no hook at a Spot notice, which no hook holds off', async () => {
    await bench.submit('job');
    const worker = await bench.begin({ membership: member });
    worker.announce(bench.spotNotice());
    await bench.pass(3_000);
    expect(await bench.exitOf(worker)).toBe(75);
    expect(member.asked).not.toContain('complete');
  });
});

describe('a worker at risk', () => {
  it('gives up its protection once the checkpoint of the recommendation is committed', async () => {
    member.startsReplacements = true;
    await bench.submit('job');
    const worker = await bench.begin({ membership: member });
    worker.trainer.train(4);
    await bench.pass(1_000);
    expect(member.isProtected).toBe(true);
    worker.trainer.answers = false;
    worker.announce({ kind: 'rebalance-recommendation', noticedAt: bench.clock.now() });
    await bench.pass(5_000);
    expect(member.isProtected).toBe(true);
    worker.trainer.stage({ id: 's1', reason: 'rebalance' });
    await bench.until('the fleet may have it', () => !member.isProtected);
    expect((await bench.state('job')).checkpoints.at(-1)?.step).toBe(4);
    worker.trainer.answers = true;
    worker.announce({ kind: 'target-lifecycle-state', state: 'Terminated' });
    expect(await bench.exitOf(worker)).toBe(75);
  });
});

describe('a fleet that refuses every call', () => {
  it('costs no job anything', async () => {
    member.fail(/./, new Error('a fault of ours'));
    await bench.submit('job');
    const first = await bench.begin({ membership: member, idleExitMs });
    first.trainer.train(10);
    first.announce({ kind: 'target-lifecycle-state', state: 'Terminated' });
    await bench.pass(3_000);
    expect(await bench.exitOf(first)).toBe(75);
    const second = await bench.begin({ membership: member, idleExitMs });
    expect(second.trainer.restoredFrom).toBeDefined();
    second.trainer.train(20);
    second.trainer.finish();
    await bench.until('the job is completed', async () => (await status('job')) === 'completed');
    expect((await bench.state('job')).totals).toMatchObject({ claims: 2, lostSteps: 0 });
  });

  it('does not delay a claim that it never answers', async () => {
    await bench.submit('job');
    member.protect = () => new Promise(() => {});
    const worker = await bench.begin({ membership: member });
    expect(worker.trainer.begun).toBe(true);
    expect(bench.clock.monotonicMs()).toBeLessThan(2_000);
    worker.trainer.finish();
    await bench.until('the job is completed', async () => (await status('job')) === 'completed');
  });
});

it('reports its machine after two failures of it in a row', async () => {
  await bench.submit('one');
  await bench.submit('two');
  const worker = bench.start({ membership: member });
  for (const count of [1, 2]) {
    await bench.until('a trainer begins', () => worker.trainers.length === count && worker.trainer.begun);
    worker.trainer.fail({ cause: 'infrastructure', message: 'CUDA error: no device' });
    await bench.until('it has failed', () => worker.trainers[count - 1]?.killed === true);
  }
  expect(await bench.exitOf(worker)).toBe(70);
  expect(member.count('report')).toBe(1);
});
