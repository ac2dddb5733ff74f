import { systemClock } from '../../lib/base/clock.ts';
import type { TensorFlow } from '../../lib/tfjs/backend.ts';
import type { Training } from '../../lib/training/define-training.ts';
import { takeSnapshot } from '../../lib/training/snapshot.ts';
import { noise } from '../harness/noise.ts';
import { openRun, type OpenRun } from '../harness/open-run.ts';
import { atMost, type Bench, type Finding, type Row, type Subject } from '../harness/row.ts';
import { SavingLoop } from '../harness/saving-loop.ts';
import { median, ratios, sum } from '../harness/statistics.ts';

type Backend = 'wasm' | 'cpu';

/** A transformer of some size with Adam has about as many; most of them are small. */
const largeTensors = 12;
const smallTensors = 388;
const smallLength = 256;

/** Never reached. */
const stepsMax = 1_000_000_000;

/** The first checkpoints find cold code and untouched memory. */
const warmUps = 2;
/** A full run takes some more: a single collection of garbage is longer than most pauses. */
const moreRuns = 2;

/** A pause that nobody can tell from a slow step, whatever the state's size. */
const shortPauseMs = 5;

/** What a checkpoint takes from training, on one backend. */
export function pauseOf(backend: Backend): Subject {
  const rows = rowsOf(backend);
  return { id: `pause-${backend}`, rows, measure: async (bench) => measure(bench, backend) };
}

function rowsOf(backend: Backend): readonly Row[] {
  const memcpy = 'warm copy of the same bytes (memcpy)';
  return [
    {
      id: `pause-longest-${backend}`,
      title: `Longest pause of training for a checkpoint, ${backend}`,
      unit: '×',
      peer: memcpy,
      goal: atMost(0.5),
    },
    {
      id: `stolen-${backend}`,
      title: `All main-thread time that a checkpoint takes, ${backend}`,
      unit: '×',
      peer: memcpy,
      goal: atMost(0.3),
    },
    {
      id: `snapshot-point-${backend}`,
      title: `Taking the snapshot, ${backend}`,
      unit: 'µs/tensor',
      peer: 'number of tensors',
      goal: atMost(2),
    },
    {
      id: `pause-vs-encode-weights-${backend}`,
      title: `Longest pause against TensorFlow.js saving the same, ${backend}`,
      unit: '×',
      peer: '`tf.io.encodeWeights`, as `model.save` calls it',
      goal: atMost(1),
    },
  ];
}

async function measure(bench: Bench, backend: Backend): Promise<Record<string, Finding>> {
  // Each step computes with a quarter of the state: the cpu backend needs a second for 256 MB.
  const megabytes = backend === 'cpu' ? (bench.isQuick ? 16 : 64) : bench.isQuick ? 48 : 256;
  const bytes = megabytes * 1024 * 1024;
  const { tf, run, close } = await openRun(backend, (opened) => trainingOf(opened, bytes));
  const loop = new SavingLoop(run, bench.memoryDir);
  const copy = warmCopy(bytes);
  const found = {
    pauseMs: [] as number[],
    stolenMs: [] as number[],
    controlMs: [] as number[],
    memcpyMs: [] as number[],
  };
  await loop.run(async () => {
    for (let at = -warmUps; at < bench.runs + (bench.isQuick ? 0 : moreRuns); at++) {
      const { gapsMs, bareGapMs, controlGapsMs } = await loop.checkpoint();
      const memcpyMs = median([copy(), copy(), copy()]);
      if (at < 0) continue;
      const beyondBare = (gaps: readonly number[]): number[] =>
        gaps.map((gap) => Math.max(0, gap - bareGapMs));
      const controlMs = sum(beyondBare(controlGapsMs));
      found.pauseMs.push(Math.max(...beyondBare(gapsMs)));
      // As many turns take this much without any checkpoint: it is not taken by one.
      found.stolenMs.push(Math.max(0, sum(beyondBare(gapsMs)) - controlMs));
      found.controlMs.push(controlMs);
      found.memcpyMs.push(memcpyMs);
    }
  });
  const snapshot = snapshotPoint(run, bench.runs);
  const encodeWeightsMs = await encodeWeights(tf, run, bench.runs);
  close();
  return findingsOf(backend, { ...found, encodeWeightsMs, snapshot, bytes });
}

interface Figures {
  readonly pauseMs: readonly number[];
  readonly stolenMs: readonly number[];
  readonly controlMs: readonly number[];
  readonly memcpyMs: readonly number[];
  readonly encodeWeightsMs: readonly number[];
  readonly snapshot: { readonly tensors: number; readonly microseconds: readonly number[] };
  readonly bytes: number;
}

function findingsOf(backend: Backend, figures: Figures): Record<string, Finding> {
  const { pauseMs, stolenMs, controlMs, memcpyMs, encodeWeightsMs, snapshot, bytes } = figures;
  const encoded = median(encodeWeightsMs);
  const raw = {
    stateBytes: bytes,
    pauseMs: median(pauseMs),
    stolenMs: median(stolenMs),
    withoutCheckpointMs: median(controlMs),
    memcpyMs: median(memcpyMs),
    encodeWeightsMs: encoded,
  };
  return {
    [`pause-longest-${backend}`]: {
      values: ratios(pauseMs, memcpyMs),
      otherwise: { goal: `${shortPauseMs} ms`, isMet: median(pauseMs) <= shortPauseMs },
      raw,
    },
    [`stolen-${backend}`]: { values: ratios(stolenMs, memcpyMs), raw },
    [`snapshot-point-${backend}`]: {
      values: snapshot.microseconds.map((one) => one / snapshot.tensors),
      raw: { tensors: snapshot.tensors, snapshotMicroseconds: median(snapshot.microseconds) },
    },
    [`pause-vs-encode-weights-${backend}`]: {
      values: pauseMs.map((pause) => pause / encoded),
      raw: { ...raw, encodeWeightsPerMemcpy: encoded / median(memcpyMs) },
    },
  };
}

function trainingOf(tf: TensorFlow, bytes: number): Training {
  const largeLength = Math.floor((bytes - smallTensors * smallLength * 4) / largeTensors / 4);
  const lengths = [
    ...Array.from({ length: largeTensors }, () => largeLength),
    ...Array.from({ length: smallTensors }, () => smallLength),
  ];
  const variables = lengths.map((length, at) => tf.variable(tf.tensor1d(noise(length, at + 1))));
  const factor = tf.scalar(1.0001);
  return {
    // As a model and the two moments of its optimizer lie: three lists of the same lengths.
    state: Object.fromEntries(
      ['weights', 'first', 'second'].map((name, list) => [
        name,
        variables.filter((_, at) => at % 3 === list),
      ]),
    ),
    until: { steps: stepsMax },
    step({ step }) {
      tf.tidy(() => {
        for (let at = step % 4; at < largeTensors; at += 4) {
          const variable = variables[at];
          variable?.assign(variable.mul(factor));
        }
      });
    },
  };
}

/** Copies as many bytes between two buffers that were touched before. Returns ms. */
function warmCopy(bytes: number): () => number {
  const from = new Uint8Array(bytes).fill(1);
  const to = new Uint8Array(bytes).fill(2);
  return () => {
    const startedMs = systemClock.monotonicMs();
    to.set(from);
    return systemClock.monotonicMs() - startedMs;
  };
}

/** The synchronous part of a save: holding the state and describing it. */
function snapshotPoint(run: OpenRun, runs: number): Figures['snapshot'] {
  /** One is shorter than the clock is exact on some machines. */
  const calls = 20;
  const tensors = largeTensors + smallTensors;
  const microseconds = Array.from({ length: runs + 2 }, () => {
    const elapsed = Array.from({ length: calls }, () => {
      const startedMs = systemClock.monotonicMs();
      const snapshot = takeSnapshot(run);
      const endedMs = systemClock.monotonicMs();
      snapshot.release();
      return (endedMs - startedMs) * 1_000;
    });
    return median(elapsed);
  });
  return { tensors, microseconds: microseconds.slice(2) };
}

async function encodeWeights(tf: TensorFlow, run: OpenRun, runs: number): Promise<number[]> {
  const tensors: Record<string, ReturnType<TensorFlow['tensor']>> = {};
  for (const [name, list] of Object.entries(run.training.state))
    if (Array.isArray(list)) list.forEach((value, at) => (tensors[`${name}/${at}`] = value));
  const elapsed: number[] = [];
  for (let at = 0; at < runs; at++) {
    const startedMs = systemClock.monotonicMs();
    await tf.io.encodeWeights(tensors);
    elapsed.push(systemClock.monotonicMs() - startedMs);
  }
  return elapsed;
}
