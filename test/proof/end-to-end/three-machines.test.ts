import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareResults } from '../../../proof/rehearsal/compare-results.ts';
import { type Interruption, takeThreeMachines } from '../../../cli/demo/conduct.ts';
import { JobWatcher } from '../../../proof/rehearsal/job-watcher.ts';
import { systemClock } from '../../../lib/base/clock.ts';
import { silentLog } from '../../../lib/base/log.ts';
import { systemRandom } from '../../../lib/base/random.ts';
import { openRegion, type Region } from '../../../lib/client/region.ts';
import { submitJob } from '../../../lib/client/submit-job.ts';
import { timersFrom } from '../../../lib/contract/timers.ts';
import type { JobState } from '../../../lib/journal/job-state.ts';
import { type LocalRegion, openLocalRegion } from '../../../local/local-region.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const ports = { clock: systemClock, random: systemRandom };
const timers = timersFrom({ heartbeatMs: 500, visibilityMs: 2_000 });

/** The whole loop with real processes: region, market, workers, trainers, on the small network of the training API's example. */
describe('a job that loses three machines', () => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-loop-'));
  let local: LocalRegion;
  let region: Region;
  let state: JobState;
  let interruptions: readonly Interruption[];

  const train = async (jobId: string, conduct: (watcher: JobWatcher) => Promise<void>): Promise<JobState> => {
    await submitJob(region, {
      program: { file: join(root, 'test', 'programs', 'mnist-cnn.ts') },
      inputs: { digits: join(root, 'examples', 'mnist', 'digits.bin') },
      set: { epochs: '9' },
      name: jobId,
      jobId,
      save: { everySteps: 20 },
      cwd: root,
    });
    const watcher = await JobWatcher.open(jobId, {
      region,
      signal: AbortSignal.timeout(150_000),
      onLook: () => {},
    });
    await conduct(watcher);
    return watcher.until('the end', ({ state: now }) => (now.end === null ? undefined : now));
  };

  beforeAll(async () => {
    local = await openLocalRegion({
      ...ports,
      dir,
      timers,
      workers: 1,
      noticeMs: 10_000,
      storeBytesPerSecond: 250_000,
      log: silentLog,
      workerCommand: [process.execPath, join(root, 'dist', 'cli', 'main.js'), 'worker'],
    });
    const place = {
      store: local.storeUri.replace(/\?.*$/, ''),
      queue: local.queueUri,
      origin: 'local' as const,
      timers,
    };
    region = await openRegion(place, ports);
    state = await train('interrupted', async (watcher) => {
      interruptions = await takeThreeMachines({
        watcher,
        market: local.market,
        now: () => Date.now(),
        tell: () => {},
      });
    });
  }, 180_000);

  afterAll(async () => {
    await region.close();
    await local.dispose();
    rmSync(dir, { recursive: true, force: true });
  });

  it('loses no step to the notice, and to each kill at most what was done since the checkpoint before', () => {
    expect(interruptions.map(({ kind, at }) => [kind, at])).toEqual([
      ['notice', 'mid-epoch'],
      ['kill', 'between-checkpoints'],
      ['kill', 'during-upload'],
    ]);
    const [notice, between, during] = interruptions;
    expect(notice).toMatchObject({ lostSteps: 0, noticeToDurableMs: expect.any(Number) });
    expect(between?.lostSteps).toBeGreaterThan(0);
    expect(during?.lostSteps).toBeGreaterThan(0);
    expect(during?.step).toBeGreaterThan(during?.resumedFromStep ?? Infinity);
  });

  it('completes on the fourth machine, with the journal telling of one notice and two silent deaths', () => {
    expect(state).toMatchObject({
      status: 'completed',
      totals: { claims: 4, interruptions: 1, silentDeaths: 2 },
      strikes: { total: 0 },
    });
    expect(state.totals.lostSteps).toBeGreaterThan(0);
    expect(state.ignored.count).toBe(0);
  });

  it('ends with exactly the files of the same job left alone, and with others where a parameter differs', async () => {
    const reference = await train('left-alone', () => Promise.resolve());
    const comparison = await compareResults(region.store, state, reference);
    expect(comparison.files.map(({ path }) => path)).toEqual([
      'model.safetensors',
      'model.topology.json',
      'trainer.json',
    ]);
    expect(comparison).toMatchObject({ identical: true, finalDigest: comparison.referenceDigest });
    // Negative control: one lost step more would show like this.
    const earlier = { ...reference, checkpoints: reference.checkpoints.slice(0, 1) };
    expect((await compareResults(region.store, state, earlier)).identical).toBe(false);
  }, 180_000);
});
