import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../lib/base/clock.ts';
import { silentLog } from '../../lib/base/log.ts';
import { savePolicyFrom } from '../../lib/checkpoint/policy.ts';
import { unknownRisk } from '../../lib/checkpoint/interruption-risk.ts';
import { defaultTimers } from '../../lib/contract/timers.ts';
import type { TensorFlow } from '../../lib/tfjs/backend.ts';
import type { Training } from '../../lib/training/define-training.ts';
import { trainingLoop } from '../../lib/training/loop.ts';
import type { LoopHooks } from '../../lib/training/loop-run.ts';
import { Progress } from '../../lib/training/progress.ts';
import { HostCheckpoints } from '../../job/trainer/host-checkpoints.ts';
import { ProgressReports } from '../../job/trainer/progress-reports.ts';
import { Slots } from '../../job/trainer/slots.ts';
import { watchInterruption } from '../../job/watch-interruption.ts';
import { cpuSeconds } from '../harness/cpu-time.ts';
import { noise } from '../harness/noise.ts';
import { type OpenRun, openRun } from '../harness/open-run.ts';
import { atMost, type Bench, type Finding, type Subject } from '../harness/row.ts';
import { median } from '../harness/statistics.ts';
import { startSink } from '../sink/start-sink.ts';

/** In all runs together no fewer than the hundred thousand calls below which a few microseconds cannot be told. */
const stepsPerRun = { full: 40_000, quick: 20_000 };
const referenceSteps = { full: 60, quick: 40 };
/** Rounds of looks at every source of notices. */
const rounds = { full: 200, quick: 100 };

/**
 * What the runtime costs where no checkpoint is due. A step differs from run to run by more than that, so it is measured
 * where it arises: the real loop with the real hooks around a step that does nothing, against a bare loop, as a share of
 * the step of a small model. What the supervisor does meanwhile comes on top, as its share of the machine.
 */
export const steadyOverhead: Subject = {
  id: 'steady-overhead',
  rows: [
    {
      id: 'overhead-steady',
      title: 'Step time with the runtime where no checkpoint is due',
      unit: '×',
      peer: 'a bare loop over the same steps (784-128-10 perceptron, 128 examples, wasm)',
      goal: atMost(1.002),
    },
  ],
  measure,
};

async function measure(bench: Bench): Promise<Record<string, Finding>> {
  const size = bench.isQuick ? 'quick' : 'full';
  const { tf, run, close } = await openRun('wasm', (opened) => trainingOf(opened, stepsOf(bench)));
  const stepMs = await referenceStepMs(tf, referenceSteps[size]);
  await loopMicroseconds(bench, run);
  await bareMicroseconds(bench, run);
  const runtime: number[] = [];
  const bare: number[] = [];
  for (let at = 0; at < bench.runs; at++) {
    runtime.push(await loopMicroseconds(bench, run));
    bare.push(await bareMicroseconds(bench, run));
  }
  close();
  const supervisor = await supervisorShare(bench, rounds[size]);
  const values = runtime.map((one, at) => 1 + (one - (bare[at] ?? Number.NaN)) / 1_000 / stepMs + supervisor);
  const raw = {
    calls: bench.runs * stepsOf(bench),
    runtimeMicroseconds: median(runtime),
    bareMicroseconds: median(bare),
    stepMs,
    supervisorShareOfMachine: supervisor,
  };
  return { 'overhead-steady': { values, raw } };
}

function stepsOf({ isQuick }: Bench): number {
  return isQuick ? stepsPerRun.quick : stepsPerRun.full;
}

function trainingOf(tf: TensorFlow, steps: number): Training {
  return {
    state: { w: tf.variable(tf.scalar(0)) },
    until: { steps },
    step: () => ({ loss: 0.5 }),
  };
}

/** A step of the model that beginners start with: few models have shorter ones. */
async function referenceStepMs(tf: TensorFlow, steps: number): Promise<number> {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ units: 128, inputShape: [784], activation: 'relu' }),
      tf.layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
  const xs = tf.tensor2d(noise(128 * 784, 1), [128, 784]);
  const ys = tf.oneHot(tf.range(0, 128, 1, 'int32').mod(tf.scalar(10, 'int32')).toInt(), 10).toFloat();
  const elapsed: number[] = [];
  for (let at = 0; at < steps; at++) {
    const startedMs = systemClock.monotonicMs();
    await model.trainOnBatch(xs, ys);
    elapsed.push(systemClock.monotonicMs() - startedMs);
  }
  return median(elapsed.slice(steps / 2));
}

/** One step of the real loop, in µs. */
async function loopMicroseconds(bench: Bench, run: OpenRun): Promise<number> {
  const progress = new Progress();
  const fresh = { ...run, progress };
  const checkpoints = new HostCheckpoints({
    slots: new Slots(join(bench.memoryDir, 'staging')),
    send() {},
    shouldSave: savePolicyFrom({}, unknownRisk),
    clock: systemClock,
    onWaiting() {},
  });
  checkpoints.begin('fresh');
  checkpoints.attach(fresh);
  const reports = new ProgressReports(() => {}, systemClock);
  const hooks: LoopHooks = {
    boundary: () => checkpoints.boundary(),
    secure: (reason) => checkpoints.secure(reason),
    phase(phase) {
      reports.phase(phase);
      checkpoints.leaveBoundary(phase === 'evaluating' ? 'evaluation' : 'step');
    },
    stepped: (step) => reports.stepped(run.plan, progress, step),
    evaluated() {},
    evaluationSignal: () => checkpoints.evaluationSignal(),
  };
  const startedMs = systemClock.monotonicMs();
  await trainingLoop({ ...fresh, hooks });
  return ((systemClock.monotonicMs() - startedMs) * 1_000) / stepsOf(bench);
}

/** One step of the least that anybody could write. */
async function bareMicroseconds(bench: Bench, { training, streams }: OpenRun): Promise<number> {
  const rng = streams.step(0);
  const steps = stepsOf(bench);
  const moment = { step: 0, epoch: 0, rng, batch: undefined, indices: new Uint32Array(), stop() {} };
  const startedMs = systemClock.monotonicMs();
  for (let at = 0; at < steps; at++) await training.step(moment);
  return ((systemClock.monotonicMs() - startedMs) * 1_000) / stepsOf(bench);
}

/** CPU of watching for notices, as a share of all cores: looks at every source, as often as each is looked at. */
async function supervisorShare(bench: Bench, looks: number): Promise<number> {
  await using elsewhere = await startSink(bench.entry('sink-process'));
  await using watch = watchInterruption({
    imdsEndpoint: await elsewhere.startImds(),
    clock: systemClock,
    log: silentLog,
    // Its own looks would only be added to ours.
    timers: { ...defaultTimers, noticePollMs: 3_600_000 },
  });
  const { reports, looksPerSecond } = watch;
  await watch.readAll();
  const since = process.cpuUsage();
  for (let at = 0; at < looks; at++) await watch.readAll();
  const secondsPerLook = cpuSeconds(since) / looks / reports.length;
  return (secondsPerLook * looksPerSecond * 3_600_000) / defaultTimers.noticePollMs / availableParallelism();
}
