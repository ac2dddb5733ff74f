/** Makes the checkpoint in test/golden/v1/checkpoint: fixed state, fixed clock, no framework. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../../../lib/base/random.ts';
import { type UploadedCheckpoint, uploadCheckpoint } from '../../../lib/checkpoint/upload.ts';
import { encodeDocument } from '../../../lib/contract/parse-document.ts';
import { type TrainerDocument, trainerDocumentSchema } from '../../../lib/contract/trainer-document.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { type Files, memorySource, quickClock } from './files.ts';

/** Holds the store's tree, `jobs/…`, and in `files/` what a restore must give. */
export const goldenFolder: string = join(import.meta.dirname, '..', '..', 'golden', 'v1', 'checkpoint');

export const goldenName = { claim: 2, ordinal: 1, step: 3 };

/** A tensor file by hand: the format is spelled out here once more, apart from the code that writes it. */
function safetensors(): Uint8Array {
  const header =
    '{"dense/kernel":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},' +
    '"dense/bias":{"dtype":"F32","shape":[3],"data_offsets":[24,36]},' +
    '"mask":{"dtype":"BOOL","shape":[5],"data_offsets":[36,41]}}';
  const file = Buffer.alloc(4096 + 41, ' ');
  file.writeBigUInt64LE(BigInt(4096 - 8), 0);
  file.write(header, 8, 'latin1');
  const floats = [0.5, -1.25, 3, 1e-7, Number.MAX_SAFE_INTEGER, -0, 1, 2, 3];
  for (const [index, value] of floats.entries()) file.writeFloatLE(value, 4096 + 4 * index);
  file.set([1, 0, 1, 1, 0], 4096 + 36);
  return Uint8Array.from(file);
}

const trainer: TrainerDocument = {
  format: 1,
  position: { step: 3, epoch: 1, example: 64 },
  seed: 7,
  params: { learningRate: 0.01 },
  inputs: {},
  data: { examples: 128, batchSize: 32, shuffle: true, lastBatch: 'keep' },
  evaluation: { step: null, metrics: {} },
  best: null,
  stopped: null,
  epochMetrics: { loss: { sum: 1.5, count: 2 } },
  state: { model: { kind: 'variables', file: 'model.safetensors' } },
};

/** The files, the trainer's document last, as the host stages them. An empty file and a twin show what becomes of those. */
export function goldenFiles(): Files {
  const model = safetensors();
  return {
    'model.safetensors': model,
    'notes/empty.txt': new Uint8Array(0),
    'notes/twin.safetensors': model,
    'trainer.json': encodeDocument(trainerDocumentSchema.parse(trainer)),
  };
}

export async function uploadGolden(store: MemoryObjectStore): Promise<UploadedCheckpoint> {
  return uploadCheckpoint({
    store,
    clock: quickClock(),
    random: seededRandom(1),
    jobId: 'golden',
    name: goldenName,
    source: memorySource(goldenFiles()),
    epoch: 1,
    reason: 'policy',
    runtime: { backend: 'cpu', versions: { tfjs: '4.22.0', holdfast: '0.1.0' }, arch: 'x64' },
    compatibility: {
      seed: 7,
      data: { examples: 128, batchSize: 32, shuffle: true, lastBatch: 'keep' },
      state: {
        model: {
          kind: 'variables',
          tensors: { 'dense/bias': 'float32 [3]', 'dense/kernel': 'float32 [2, 3]', mask: 'bool [5]' },
        },
      },
    },
    signal: new AbortController().signal,
  });
}

/** Path → bytes of a folder's files, in order of their paths. */
export function readTree(dir: string): Files {
  const paths = readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .toSorted();
  return Object.fromEntries(paths.map((path) => [path, new Uint8Array(readFileSync(join(dir, path)))]));
}
