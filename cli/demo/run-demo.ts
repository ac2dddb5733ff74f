import { existsSync } from 'node:fs';
import { defined } from '../../lib/base/assert.ts';
import { silentLog } from '../../lib/base/log.ts';
import { UnfitError, UsageError } from '../../lib/base/errors.ts';
import { openRegion, type Region } from '../../lib/client/region.ts';
import { submitJob } from '../../lib/client/submit-job.ts';
import { timersFrom } from '../../lib/contract/timers.ts';
import type { JobState } from '../../lib/journal/job-state.ts';
import { type LocalRegion, openLocalRegion } from '../../local/local-region.ts';
import type { CliContext } from '../context.ts';
import { compareResults, type Comparison } from '../../proof/rehearsal/compare-results.ts';
import { type Interruption, takeThreeMachines } from './conduct.ts';
import {
  demoDigits,
  demoProgram,
  demoSaveEverySteps,
  demoStoreBytesPerSecond,
  demoTimers,
  mainScript,
} from './demo-plan.ts';
import { JobWatcher } from '../../proof/rehearsal/job-watcher.ts';
import type { LiveDisplay } from './live-display.ts';
import type { DemoResult } from './report.ts';

export interface Demo {
  readonly context: CliContext;
  readonly display: LiveDisplay;
  /** Of the demo's own region. */
  readonly dir: string;
  readonly signal: AbortSignal;
}

/** Trains the example twice, once losing three machines, and compares the results. */
export async function runDemo(
  demo: Demo,
): Promise<{ readonly result: DemoResult; readonly comparison: Comparison }> {
  const { context, display } = demo;
  if (!existsSync(demoDigits)) {
    throw new UsageError('the digits are missing.', {
      facts: { file: demoDigits },
      hint: 'Make them with `npm run prepare`.',
    });
  }
  await using local = await openDemoRegion(demo);
  const region = await openRegion(
    {
      store: local.storeUri.replace(/\?.*$/, ''),
      queue: local.queueUri,
      origin: 'local',
      timers: timersFrom(demoTimers),
    },
    context,
  );
  try {
    display.begin('The job that will lose its machine three times');
    const interrupted = await trainInterrupted(demo, { local, region });
    display.begin('The same job, left alone');
    const reference = await trainAlone(demo, region);
    display.end();
    const comparison = await compareResults(region.store, interrupted.state, reference);
    const { state, interruptions } = interrupted;
    const end = defined(state.end, 'the job has ended');
    const result: DemoResult = {
      identical: comparison.identical,
      finalDigest: comparison.finalDigest,
      referenceDigest: comparison.referenceDigest,
      steps: end.step,
      epochs: defined(state.checkpoints.at(-1), 'a completed job has a checkpoint').epoch,
      checkpoints: state.totals.checkpoints,
      testAccuracy: defined(end.metrics['accuracy'], 'the example reports its accuracy'),
      elapsedMs: display.elapsedMs,
      timers: demoTimers,
      interruptions,
    };
    return { result, comparison };
  } finally {
    await region.close();
  }
}

function openDemoRegion({ context, dir }: Demo): Promise<LocalRegion> {
  const { clock, random } = context;
  return openLocalRegion({
    dir,
    timers: timersFrom(demoTimers),
    workers: 1,
    noticeMs: demoTimers.noticeMs,
    storeBytesPerSecond: demoStoreBytesPerSecond,
    workerCommand: [process.execPath, mainScript, 'worker'],
    clock,
    random,
    log: silentLog,
  });
}

async function trainInterrupted(
  demo: Demo,
  { local, region }: { readonly local: LocalRegion; readonly region: Region },
): Promise<{ readonly state: JobState; readonly interruptions: readonly Interruption[] }> {
  const { display, context } = demo;
  const watcher = await submit(demo, region, 'interrupted');
  const now = (): number => context.clock.now().getTime();
  const interruptions = await takeThreeMachines({
    watcher,
    market: local.market,
    now,
    tell: (event) => display.tell(event),
  });
  return { state: await completion(watcher, display), interruptions };
}

async function trainAlone(demo: Demo, region: Region): Promise<JobState> {
  return completion(await submit(demo, region, 'uninterrupted'), demo.display);
}

async function submit(
  { context, display, signal }: Demo,
  region: Region,
  jobId: string,
): Promise<JobWatcher> {
  await submitJob(region, {
    program: { file: demoProgram },
    name: jobId,
    jobId,
    save: { everySteps: demoSaveEverySteps },
    cwd: context.cwd,
  });
  display.tell(`job \`${jobId}\` is bundled, submitted and queued`);
  return JobWatcher.open(jobId, { region, signal, onLook: (look) => display.progress(look) });
}

async function completion(watcher: JobWatcher, display: LiveDisplay): Promise<JobState> {
  const state = await watcher.until('the end', ({ state: now }) => (now.end === null ? undefined : now));
  const { kind, step, message, reason } = defined(state.end, 'the job has ended');
  if (kind !== 'completed') {
    throw new UnfitError(`the job ${state.jobId} ended as ${kind}: ${message || reason}`, {
      hint: 'Its logs: `holdfast logs`.',
    });
  }
  display.tell(`job \`${state.jobId}\` is complete at step ${step}`);
  return state;
}
