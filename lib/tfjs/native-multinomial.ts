/**
 * `tf.multinomial` on the native backend. The released kernel hands the seed, which TensorFlow.js takes from
 * `Math.random`, to TensorFlow as a whole number: a fraction becomes 0, and two zeros mean "seed yourself from the clock".
 * Whole seeds would not do either: TensorFlow keeps one generator for each, which goes on from call to call and starts
 * anew with the process. So the cpu backend's kernel draws, whose numbers are a function of seed and logits.
 */
import type { KernelFunc, TensorInfo } from '@tensorflow/tfjs';
import { assert } from '../base/assert.ts';
import type { TensorFlow } from './backend.ts';
import { seenAs } from './private-fields.ts';

/** What both backends offer for carrying data over. */
interface Memory {
  readSync(dataId: object): Int32Array | Float32Array;
  write(values: Int32Array | Float32Array, shape: readonly number[], dtype: string): object;
  disposeData(dataId: object): boolean;
}

/** Replaces the kernel of the backend `tensorflow`, which must be registered. */
export function registerNativeMultinomial(tf: TensorFlow): void {
  const drawing: KernelFunc = tf.getKernel('Multinomial', 'cpu').kernelFunc;
  const cpu: Memory & { firstUse: boolean } = seenAs(tf.findBackend('cpu'));
  // Its first operation would print advice to install the native backend.
  cpu.firstUse = false;
  tf.unregisterKernel('Multinomial', 'tensorflow');
  tf.registerKernel({
    kernelName: 'Multinomial',
    backendName: 'tensorflow',
    kernelFunc({ inputs, backend, attrs }) {
      const native: Memory = seenAs(backend);
      const { logits } = seenAs<{ readonly logits: TensorInfo }>(inputs);
      const carried = carry(logits, { from: native, to: cpu });
      const drawn = drawing({ inputs: { logits: carried }, backend: cpu, ...(attrs && { attrs }) });
      assert(!Array.isArray(drawn), 'a multinomial kernel gives one tensor');
      const result = carry(drawn, { from: cpu, to: native });
      for (const { dataId } of [carried, drawn]) cpu.disposeData(dataId);
      return result;
    },
  });
}

function carry(info: TensorInfo, way: { readonly from: Memory; readonly to: Memory }): TensorInfo {
  const { shape, dtype } = info;
  return { shape, dtype, dataId: way.to.write(way.from.readSync(info.dataId), shape, dtype) };
}
