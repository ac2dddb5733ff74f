import { seededRandom } from '../../lib/base/random.ts';
import type { Region } from '../../lib/client/region.ts';
import { encodeDocument } from '../../lib/contract/parse-document.ts';
import { layoutSafetensors, type TensorSpec } from '../../lib/contract/safetensors.ts';
import { defaultTimers } from '../../lib/contract/timers.ts';
import { type TrainerDocument, trainerDocumentSchema } from '../../lib/contract/trainer-document.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { quickClock } from '../lib/checkpoint/files.ts';

/** A region around a store, without a queue. */
export function regionAround(store: ObjectStore): Region {
  return {
    place: { store: store.uri, queue: undefined, origin: 'flags', timers: defaultTimers },
    store,
    timers: defaultTimers,
    clock: quickClock(),
    random: seededRandom(1),
    queue: () => Promise.reject(new Error('this region has no queue')),
    close: () => Promise.resolve(),
  };
}

export interface TensorBytes extends TensorSpec {
  readonly data: Uint8Array;
}

export function floats(name: string, values: readonly number[], shape = [values.length]): TensorBytes {
  return { name, dtype: 'F32', shape, data: new Uint8Array(Float32Array.from(values).buffer) };
}

/** A safetensors file as a trainer writes it. */
export function tensorFile(tensors: readonly TensorBytes[]): Uint8Array {
  const { header, tensors: placed, bytes } = layoutSafetensors(tensors);
  const file = new Uint8Array(bytes);
  file.set(header);
  let at = header.length;
  for (const { spec } of placed) {
    file.set(spec.data, at);
    at += spec.data.length;
  }
  return file;
}

/** `trainer.json` of a small run. */
export function trainerFile(facts: Partial<TrainerDocument> = {}): Uint8Array {
  const document: TrainerDocument = {
    format: 1,
    position: { step: 1, epoch: 0, example: 32 },
    seed: 7,
    params: { learningRate: 0.01 },
    inputs: {},
    data: { examples: 128, batchSize: 32, shuffle: true, lastBatch: 'keep' },
    evaluation: { step: null, metrics: {} },
    best: null,
    stopped: null,
    epochMetrics: {},
    state: { model: { kind: 'model', file: 'model.safetensors' } },
    ...facts,
  };
  return encodeDocument(trainerDocumentSchema.parse(document));
}
