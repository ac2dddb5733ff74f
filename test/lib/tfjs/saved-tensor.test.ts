import { describe, expect, it } from 'vitest';
import { CorruptionError } from '../../../lib/base/errors.ts';
import { layoutSafetensors } from '../../../lib/contract/safetensors.ts';
import { openBackend } from '../../../lib/tfjs/backend.ts';
import { savedTensors, tensorOf } from '../../../lib/tfjs/saved-tensor.ts';
import { savedFile } from '../../support/saved-state.ts';

/** Odd lengths, so that hardly a tensor begins where its type could be read in place. */
const file = (() => {
  const { header, tensors, bytes } = layoutSafetensors([
    { name: 'wide', dtype: 'F32', shape: [3] },
    { name: 'flags', dtype: 'BOOL', shape: [5] },
    { name: 'short', dtype: 'I16', shape: [2] },
    { name: 'none', dtype: 'F32', shape: [0, 4] },
  ]);
  const values: Readonly<Record<string, ArrayBufferView>> = {
    wide: Float32Array.of(1.5, -2, 3),
    flags: Uint8Array.of(1, 0, 1, 1, 0),
    short: Int16Array.of(-7, 300),
    none: new Float32Array(),
  };
  const whole = new Uint8Array(bytes);
  whole.set(header);
  let at = header.length;
  for (const { spec, bytes: length } of tensors) {
    const { buffer, byteOffset } = values[spec.name]!;
    whole.set(new Uint8Array(buffer, byteOffset, length), at);
    at += length;
  }
  return whole;
})();

const opened = () => savedTensors(savedFile(file), 'x.safetensors');

describe('a saved tensor', () => {
  it('is read with its type and shape, wherever it lies', () => {
    const tensors = opened();
    expect(tensors.get('wide')?.values()).toEqual(Float32Array.of(1.5, -2, 3));
    expect(tensors.get('short')?.values()).toEqual(Int16Array.of(-7, 300));
    expect(tensors.get('flags')?.values()).toEqual(Uint8Array.of(1, 0, 1, 1, 0));
    expect(tensors.get('none')?.values()).toEqual(new Float32Array());
    expect(tensors.get('none')?.shape).toEqual([0, 4]);
  });

  it('has memory of its own', () => {
    const wide = opened().get('wide');
    expect(wide?.values().buffer).not.toBe(wide?.values().buffer);
  });

  for (const backend of ['cpu', 'wasm'] as const) {
    it(`becomes a tensor on ${backend} that lives and is disposed like any other`, async () => {
      const { tf } = await openBackend(backend);
      const before = tf.memory().numDataBuffers;
      const made = [...opened()].flatMap(([name, saved]) =>
        name === 'short' ? [] : [[name, tensorOf(tf, saved)] as const],
      );
      const values = Object.fromEntries(made.map(([name, tensor]) => [name, [...tensor.dataSync()]]));
      expect(values).toEqual({ wide: [1.5, -2, 3], flags: [1, 0, 1, 1, 0], none: [] });
      const sum = tf.tidy(() => tf.sum(made.find(([name]) => name === 'wide')![1]).dataSync()[0]);
      expect(sum).toBe(2.5);
      for (const [, tensor] of made) tensor.dispose();
      expect(tf.memory().numDataBuffers).toBe(before);
    });
  }

  it('is not taken from a file that is damaged', () => {
    for (const length of [0, 7, 100, file.length - 1]) {
      const cut = savedFile(file.subarray(0, length));
      expect(() => savedTensors(cut, 'x')).toThrow(CorruptionError);
    }
  });
});
