import { describe, expect, it } from 'vitest';
import { disposeTensors, finite, readMetrics } from '../../../lib/training/tensors.ts';

class FakeTensor {
  disposals = 0;
  readonly dtype = 'float32';
  readonly shape: number[];
  readonly #values: ArrayLike<number | string>;
  constructor(values: ArrayLike<number | string>, shape: number[] = []) {
    this.#values = values;
    this.shape = shape;
  }
  dataSync(): ArrayLike<number | string> {
    return this.#values;
  }
  dispose(): void {
    this.disposals++;
  }
}

describe('readMetrics', () => {
  it('reads numbers and scalar tensors, and disposes the tensors', () => {
    const loss = new FakeTensor(Float32Array.of(0.5));
    const one = new FakeTensor(Int32Array.of(3), [1, 1]);
    expect(readMetrics({ loss, one, plain: 2 }, 'step')).toEqual({ loss: 0.5, one: 3, plain: 2 });
    expect([loss.disposals, one.disposals]).toEqual([1, 1]);
  });

  it('takes nothing for no metrics', () => {
    expect(readMetrics(undefined, 'step')).toEqual({});
  });

  it.each([
    [{ loss: '0.5' }, /step returned `loss`, which is neither a number nor a tensor/],
    [{ loss: new FakeTensor(Float32Array.of(1, 2), [2]) }, /`loss` of shape \[2\]; a metric is one number/],
    [{ loss: new FakeTensor(['a']) }, /does not hold numbers/],
    [3, /step must return an object of metrics, not number/],
  ])('refuses %o', (returned, message) => {
    expect(() => readMetrics(returned, 'step')).toThrow(message);
  });

  it('leaves out what JSON cannot hold when it is told', () => {
    expect(finite({ a: 1, b: NaN, c: -Infinity, d: 0 })).toEqual({ a: 1, d: 0 });
  });
});

describe('disposeTensors', () => {
  it('finds tensors in lists and plain objects, once each, and leaves other objects alone', () => {
    const [a, b, c] = [new FakeTensor([1]), new FakeTensor([1]), new FakeTensor([1])];
    const cyclic: Record<string, unknown> = { a, list: [b, a, null, 7] };
    cyclic['self'] = cyclic;
    cyclic['model'] = new (class Model {
      readonly weight = c;
    })();
    disposeTensors(cyclic);
    expect([a.disposals, b.disposals, c.disposals]).toEqual([1, 1, 0]);
  });
});
