import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../lib/base/clock.ts';
import { openStore } from '../../lib/client/region.ts';
import { bundleStateProgram, changeState, HostTrainer, isFirstStep } from '../harness/host-trainer.ts';
import { atMost, type Bench, type Finding, type Subject } from '../harness/row.ts';
import { median, ratios } from '../harness/statistics.ts';
import { benchWorld, claimedJob, pipelineOf, worldDirs } from '../harness/supervised-job.ts';
import { startSink } from '../sink/start-sink.ts';

/** GB/s: the baseline of a small GPU instance, so that a save takes as long as it would there. */
const line = 0.3;
/**
 * Rows of a step's square matrices: a hundred ms on the wasm backend of a small machine, and a few in a quick run, whose
 * windows are as short as its saves and must hold some steps all the same.
 */
const rows = { full: 448, quick: 160 };
const megabytes = { full: 384, quick: 24 };

/**
 * How much longer a step takes while a checkpoint is written, hashed and sent. Windows of the same length without a
 * checkpoint lie before and after each: their ratio is the control.
 */
export const draining: Subject = {
  id: 'draining',
  rows: [
    {
      id: 'overhead-draining',
      title: 'Step time while a checkpoint drains',
      unit: '×',
      peer: 'steps of the same process just before and just after',
      goal: atMost(1.03),
    },
  ],
  measure,
};

interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

async function measure(bench: Bench): Promise<Record<string, Finding>> {
  await using sink = await startSink(bench.entry('sink-process'));
  const store = await openStore(sink.storeUri);
  const flag = join(bench.dir, 'change');
  const times = join(bench.dir, 'times');
  const size = bench.isQuick ? 'quick' : 'full';
  const params = { megabytes: megabytes[size], flag, times, rows: rows[size], waitMs: 0 };
  const job = await claimedJob(benchWorld(store, worldDirs(bench)), 'draining', params);
  const host = new HostTrainer(job, await bundleStateProgram(bench.dir), { resuming: false });
  const pipeline = pipelineOf(job, host.trainer);
  host.listen((message) => pipeline.handle(message));
  host.trainer.send({ kind: 'fresh' });
  await host.saw('its first step', isFirstStep);
  const save = async (): Promise<void> => {
    const answer = await pipeline.request('policy', { halt: false });
    if (answer.outcome !== 'committed') throw new Error(`a save was given up: ${answer.why}`);
  };
  await save();
  await sink.set({ bytesPerSecond: line * 1e9 });
  const windows: { before: Window; during: Window; after: Window }[] = [];
  for (let at = 0; at < bench.runs; at++) {
    await changeState(flag);
    const during = await windowOf(save);
    const lengthMs = during.toMs - during.fromMs;
    // What the save leaves behind, as freed memory and deleted objects, is not the next window's.
    await pipeline.drained();
    const before = await windowOf(() => systemClock.sleep(lengthMs));
    const after = await windowOf(() => systemClock.sleep(lengthMs));
    windows.push({ before, during, after });
  }
  await host.stop();
  await store.close();
  return { 'overhead-draining': findingOf(windows, stepsFrom(times)) };
}

function findingOf(
  windows: ReadonlyArray<{ readonly before: Window; readonly during: Window; readonly after: Window }>,
  steps: readonly Window[],
): Finding {
  const before = windows.map((one) => stepMs(steps, one.before));
  const during = windows.map((one) => stepMs(steps, one.during));
  const after = windows.map((one) => stepMs(steps, one.after));
  const bare = before.map((ms, at) => (ms + (after[at] ?? Number.NaN)) / 2);
  return {
    values: ratios(during, bare),
    control: ratios(after, before),
    raw: {
      bareStepMs: median(bare),
      drainingStepMs: median(during),
      saveMs: median(windows.map((one) => one.during.toMs - one.during.fromMs)),
    },
  };
}

/** Wall-clock, which both processes read alike. */
async function windowOf(act: () => Promise<void>): Promise<Window> {
  const fromMs = systemClock.now().getTime();
  await act();
  return { fromMs, toMs: systemClock.now().getTime() };
}

/** When each step began and ended, as the program noted it. */
function stepsFrom(file: string): readonly Window[] {
  const bytes = readFileSync(file);
  const numbers = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return Array.from({ length: numbers.length / 2 }, (_, at) => ({
    fromMs: numbers[2 * at] ?? 0,
    toMs: numbers[2 * at + 1] ?? 0,
  }));
}

/** From the beginning of a step to the beginning of the next: what lies between two steps counts. */
function stepMs(steps: readonly Window[], window: Window): number {
  const inside = steps.filter(({ fromMs, toMs }) => fromMs >= window.fromMs && toMs <= window.toMs);
  const [first] = inside;
  const last = inside.at(-1);
  return ((last?.fromMs ?? 0) - (first?.fromMs ?? 0)) / (inside.length - 1);
}
