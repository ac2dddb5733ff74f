import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { handler, runReconcileFunction } from '../../job/reconcile-function.ts';
import { seededRandom } from '../../lib/base/random.ts';
import type { Region } from '../../lib/client/region.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { defaultTimers } from '../../lib/contract/timers.ts';
import type { JobQueue } from '../../lib/queue/job-queue.ts';
import { tempDir } from '../support/temp-dir.ts';
import { withMethods } from '../support/with-methods.ts';
import { WorkerBench } from '../support/worker-bench.ts';

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
});
afterEach(() => {
  bench.dispose();
  vi.unstubAllEnvs();
});

function regionOf(queue: JobQueue = bench.queue): Region {
  const { store, clock } = bench;
  return {
    place: { store: store.uri, queue: queue.uri, origin: 'environment', timers: defaultTimers },
    store,
    timers: defaultTimers,
    clock,
    random: seededRandom(1),
    queue: () => Promise.resolve(queue),
    close: () => Promise.resolve(),
  };
}

function run(facts: { readonly region?: Region; readonly remainingMs?: number } = {}): {
  readonly lines: Record<string, unknown>[];
  readonly ended: ReturnType<typeof runReconcileFunction>;
} {
  const lines: Record<string, unknown>[] = [];
  const ended = runReconcileFunction({
    region: regionOf(),
    deployment: 'training',
    clock: bench.clock,
    remainingMs: 900_000,
    write: (line) => void lines.push(Object(JSON.parse(line))),
    ...facts,
  });
  return { lines, ended };
}

describe('the scheduled function', () => {
  it('prints the metrics of the fleet as the first line, and answers counts', async () => {
    await bench.submit('waits', { ticket: false });
    await bench.submit('runs');
    const worker = await bench.begin();
    worker.trainer.train(1);
    await bench.clock.advance(60_000);
    const { lines, ended } = run();
    expect(await ended).toMatchObject({ visited: 2, running: 1, waiting: 1, ticketed: 0, troubles: 0 });
    expect(lines[0]).toMatchObject({
      _aws: { CloudWatchMetrics: [{ Namespace: 'Holdfast', Dimensions: [['Deployment']] }] },
      Deployment: 'training',
      RunningJobs: 1,
      WaitingJobs: 1,
      TicketsRepaired: 0,
      FailedJobs: 0,
    });
    expect(lines[0]?.['OldestCheckpointAge']).toBeGreaterThanOrEqual(60);
    expect(lines[0]?.['LongestWait']).toBeGreaterThanOrEqual(60);
    expect(bench.clock.sleepers).toBeGreaterThan(0);
  });

  it('fails at the end for a damaged journal, after everything else is done and said', async () => {
    await bench.submit('good', { ticket: false });
    await bench.submit('bad', { ticket: false });
    await bench.store.put(objectKeys.journalEntry('bad', 1), new TextEncoder().encode('{'));
    await bench.store.delete([objectKeys.stateHint('bad')]);
    await bench.clock.advance(3_600_000);
    const { lines, ended } = run();
    await expect(ended).rejects.toThrow(/^1 jobs? could not be tended to.*damaged/);
    expect((await bench.queue.depth()).visible).toBe(1);
    expect(lines[0]).toMatchObject({ TicketsRepaired: 1 });
    expect(lines).toContainEqual(expect.objectContaining({ event: 'job-not-tended', jobId: 'bad' }));
  });

  it('is no failure for a job that a newer Holdfast has written to', async () => {
    await bench.submit('newer', { ticket: false });
    await bench.store.put(objectKeys.journalEntry('newer', 1), new TextEncoder().encode('{"format":3}'));
    await bench.store.delete([objectKeys.stateHint('newer')]);
    expect(await run().ended).toMatchObject({ troubles: 1, ticketed: 0 });
  });

  it('begins no further job a minute before its time is over', async () => {
    for (let index = 0; index < 40; index++) await bench.submit(`job-${index}`, { ticket: false });
    await bench.clock.advance(3_600_000);
    const slow = withMethods<JobQueue>(bench.queue, {
      send: async (...args) => {
        await bench.clock.sleep(30_000);
        return bench.queue.send(...args);
      },
    });
    const { lines, ended } = run({ region: regionOf(slow), remainingMs: 115_000 });
    await bench.clock.advance(60_000);
    const { visited, isComplete, ticketed } = await ended;
    // 57.5 s of work: two rounds of eight lanes.
    expect([visited, isComplete, ticketed]).toEqual([16, false, 16]);
    expect(lines).toContainEqual(expect.objectContaining({ event: 'out-of-time' }));
  });

  it('finds store and queue in its environment, and says which name is missing', async () => {
    const dir = pathToFileURL(tempDir()).href;
    vi.stubEnv('HOLDFAST_STORE', `${dir}/store`);
    vi.stubEnv('HOLDFAST_QUEUE', '');
    await expect(handler()).rejects.toThrow('HOLDFAST_QUEUE');
    vi.stubEnv('HOLDFAST_QUEUE', `${dir}/queue`);
    vi.stubEnv('HOLDFAST_DEPLOYMENT', 'mine');
    const written = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    try {
      expect(await handler({}, { getRemainingTimeInMillis: () => 60_000 })).toMatchObject({ visited: 0 });
      expect(written.mock.calls[0]?.[0]).toContain('"Deployment":"mine"');
    } finally {
      written.mockRestore();
    }
  });
});
