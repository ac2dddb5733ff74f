import { type CodecMeasurement, differingBits, measureCodecs } from '../codecs.ts';
import type { Codec } from '../../lib/contract/manifest.ts';
import { takeSnapshot } from '../../lib/training/snapshot.ts';
import { noise } from '../harness/noise.ts';
import { openRun } from '../harness/open-run.ts';
import type { Bench, Finding, Row, Subject } from '../harness/row.ts';

const codecNames = ['planes-zlib', 'planes-zstd'] as const satisfies readonly Codec[];
/** Between the two states whose difference is measured: two saves of a job that saves often. */
const stepsBetween = 10;
const hidden = { full: 1_024, quick: 256 };
const examples = 64;

const rows = codecNames.flatMap((codec): readonly Row[] => [
  {
    id: `codec-${codec}-stored`,
    title: `Stored bytes of weights and moments, codec ${codec}`,
    unit: '×',
    peer: 'the raw bytes',
  },
  {
    id: `codec-${codec}-encode`,
    title: `One thread encodes, codec ${codec}`,
    unit: 'GB/CPU-s',
    peer: 'one CPU second',
    better: 'higher',
  },
  {
    id: `codec-${codec}-decode`,
    title: `One thread decodes, codec ${codec}`,
    unit: 'GB/CPU-s',
    peer: 'one CPU second',
    better: 'higher',
  },
]);

/** Codecs on the state of a network that was really trained: numbers made up compress otherwise. */
export const codecs: Subject = { id: 'codecs', rows, measure };

async function measure(bench: Bench): Promise<Record<string, Finding>> {
  const { before, after } = await trainedStates(
    bench.isQuick ? { steps: 10, hidden: hidden.quick } : { steps: 200, hidden: hidden.full },
  );
  const passes = Array.from({ length: bench.runs }, () => measureCodecs(after, 1));
  const delta = measureCodecs(differingBits(after, before), 1);
  return Object.fromEntries(
    codecNames.flatMap((codec) => findingsOf(codec, { passes, delta, bytes: after.length })),
  );
}

interface Passes {
  readonly passes: ReadonlyArray<readonly CodecMeasurement[]>;
  readonly delta: readonly CodecMeasurement[];
  readonly bytes: number;
}

function findingsOf(codec: Codec, { passes, delta, bytes }: Passes): ReadonlyArray<[string, Finding]> {
  const ids = ['stored', 'encode', 'decode'].map((what) => `codec-${codec}-${what}`);
  const found = passes.flatMap((pass) => pass.filter((one) => one.codec === codec));
  if (found.length === 0)
    return ids.map((id) => [id, { why: `Node ${process.version} reads ${codec}, but cannot write it` }]);
  const deltaShare = delta.find((one) => one.codec === codec)?.storedShare;
  const raw = {
    sampleBytes: bytes,
    ...(deltaShare !== undefined && { storedOfDeltaPerRaw: deltaShare }),
  };
  const values = [
    found.map(({ storedShare }) => storedShare),
    found.map(({ encodeBytesPerSecond }) => encodeBytesPerSecond / 1e9),
    found.map(({ decodeBytesPerSecond }) => decodeBytesPerSecond / 1e9),
  ];
  return ids.map((id, at) => [id, { values: values[at] ?? [], raw }]);
}

/** Weights and Adam's moments of a perceptron after some steps, and as many steps before. */
async function trainedStates(network: {
  readonly steps: number;
  readonly hidden: number;
}): Promise<{ readonly before: Uint8Array; readonly after: Uint8Array }> {
  const steps: { train?: () => Promise<unknown> } = {};
  const { run, close } = await openRun('wasm', (tf) => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: network.hidden, inputShape: [784], activation: 'relu' }),
        tf.layers.dense({ units: 512, activation: 'relu' }),
        tf.layers.dense({ units: 10, activation: 'softmax' }),
      ],
    });
    model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' });
    const xs = tf.tensor2d(noise(examples * 784, 5), [examples, 784]);
    const ys = tf.oneHot(tf.range(0, examples, 1, 'int32').mod(tf.scalar(10, 'int32')).toInt(), 10).toFloat();
    steps.train = () => model.trainOnBatch(xs, ys);
    return { state: { model }, until: { steps: 1 }, step() {} };
  });
  for (let at = 0; at < network.steps; at++) await steps.train?.();
  const bytes = (): Uint8Array => {
    const snapshot = takeSnapshot(run);
    const [file] = snapshot.files;
    const content = Buffer.concat((file?.pieces ?? []).map((piece) => piece.read()));
    snapshot.release();
    return content;
  };
  const before = bytes();
  for (let at = 0; at < stepsBetween; at++) await steps.train?.();
  const after = bytes();
  close();
  return { before, after };
}
