import { isTypedArray } from '../training/plain-values.ts';
import type { TensorFlow } from './backend.ts';
import { registerNativeMultinomial } from './native-multinomial.ts';
import { seenAs } from './private-fields.ts';

const mended = new WeakSet<object>();

/** Makes the native backend keep what exact resume rests on: chance that follows from the seed, and data that never changes. */
export function mendNative(tf: TensorFlow): void {
  const backend: Uploading = seenAs(tf.backend());
  if (mended.has(backend)) return;
  mended.add(backend);
  registerNativeMultinomial(tf);
  copyUploads(backend);
}

interface Uploading {
  write(values: unknown, shape: readonly number[], dtype: string): object;
}

/**
 * A tensor made from a typed array shares its memory until the first operation, and longer where the array happens to lie
 * at a multiple of 64 bytes. A program that fills one buffer again for every batch would change tensors that it made
 * before, some of them, and a checkpoint that is being written. So every tensor gets memory of its own, as on wasm.
 */
function copyUploads(backend: Uploading): void {
  const write = backend.write.bind(backend);
  backend.write = (values, shape, dtype) =>
    write(isTypedArray(values) ? values.slice() : values, shape, dtype);
}
