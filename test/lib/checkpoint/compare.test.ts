import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareCompatibility, compatibilityWarnings } from '../../../lib/checkpoint/compare.ts';

const document = {
  state: {
    model: {
      kind: 'model',
      tensors: [
        { name: 'dense/kernel', shape: [784, 10], dtype: 'float32' },
        { name: 'dense/bias', shape: [10], dtype: 'float32' },
      ],
      optimizer: { class: 'Adam', slots: ['firstMoment', 'secondMoment'] },
    },
    counter: { kind: 'plain' },
  },
  data: { examples: 8_000, batchSize: 32 },
  inputs: { digits: 'abc' },
  seed: 7,
  backend: 'wasm',
  versions: { tfjs: '4.22.0' },
  arch: 'x64',
  program: 'p1',
};

const changed = (change: (copy: typeof document) => void): typeof document => {
  const copy = structuredClone(document);
  change(copy);
  return copy;
};

const scalarOr = (shape: readonly number[]) => ({ state: { loss: { tensors: [{ name: 'value', shape }] } } });
const tensors = (shape: readonly number[]) =>
  Array.from({ length: 500 }, (_, index) => ({ name: `${index}`, shape }));

describe('the comparison of a checkpoint with a program', () => {
  it('is silent when they fit', () => {
    expect(compareCompatibility(document, structuredClone(document))).toEqual([]);
    expect(compatibilityWarnings(document, structuredClone(document))).toEqual([]);
  });

  it('calls the two by the names that it is given', () => {
    const other = changed((copy) => {
      copy.seed = 8;
      delete (copy.state as Partial<typeof copy.state>).counter;
    });
    expect(compareCompatibility(document, other, { saved: 'A', wanted: 'B' })).toEqual([
      '`counter`: only in A',
      '`seed`: 7 in A, 8 in B',
    ]);
  });

  it.each<[string, (copy: typeof document) => void, readonly string[]]>([
    [
      'the shape of a tensor',
      (d) => (d.state.model.tensors[0]!.shape = [784, 20]),
      ['tensor `model/dense/kernel`: [784,10] in the checkpoint, [784,20] in the program'],
    ],
    [
      'its dtype',
      (d) => (d.state.model.tensors[1]!.dtype = 'int32'),
      ['tensor `model/dense/bias`: float32 in the checkpoint, int32 in the program'],
    ],
    [
      'names of tensors',
      (d) => (d.state.model.tensors[1]!.name = 'dense/offset'),
      [
        'tensor `model/dense/bias`: only in the checkpoint ([10] float32)',
        'tensor `model/dense/offset`: only in the program ([10] float32)',
      ],
    ],
    [
      'the class of the optimizer',
      (d) => (d.state.model.optimizer.class = 'SGD'),
      ['optimizer class of `model`: Adam in the checkpoint, SGD in the program'],
    ],
    [
      'its slots',
      (d) => (d.state.model.optimizer.slots = ['secondMoment', 'maximum']),
      [
        'optimizer slots of `model`: `firstMoment` only in the checkpoint',
        'optimizer slots of `model`: `maximum` only in the program',
      ],
    ],
    [
      'the order of its slots',
      (d) => (d.state.model.optimizer.slots = ['secondMoment', 'firstMoment']),
      ['optimizer slots of `model`: the same names in another order or number'],
    ],
    [
      'the kind of a state',
      (d) => (d.state.counter.kind = 'stateful'),
      ['`counter.kind`: plain in the checkpoint, stateful in the program'],
    ],
    [
      'the number of examples',
      (d) => (d.data.examples = 1),
      ['`data.examples`: 8000 in the checkpoint, 1 in the program'],
    ],
    [
      'the digest of an input',
      (d) => (d.inputs.digits = 'xyz'),
      ['`inputs.digits`: abc in the checkpoint, xyz in the program'],
    ],
    ['the seed', (d) => (d.seed = 8), ['`seed`: 7 in the checkpoint, 8 in the program']],
  ])('names %s', (_, change, words) => {
    expect(compareCompatibility(document, changed(change))).toEqual(words);
  });

  it('names a state that one side lacks', () => {
    const { counter: _, ...state } = document.state;
    expect(compareCompatibility(document, { ...document, state })).toEqual([
      '`counter`: only in the checkpoint',
    ]);
    expect(compareCompatibility({ ...document, state }, document)).toEqual([
      '`counter`: only in the program',
    ]);
  });

  it('does not mind another order of tensors', () => {
    expect(
      compareCompatibility(
        document,
        changed((d) => (d.state.model.tensors = d.state.model.tensors.toReversed())),
      ),
    ).toEqual([]);
  });

  it('tells a scalar from a vector of one', () => {
    expect(compareCompatibility(scalarOr([]), scalarOr([1]))).toEqual([
      'tensor `loss/value`: [] in the checkpoint, [1] in the program',
    ]);
  });

  it('is not misled by names that every object has', () => {
    expect(compareCompatibility({ state: {} }, { state: { constructor: { kind: 'plain' } } })).toEqual([
      '`constructor`: only in the program',
    ]);
  });

  it('leaves backend, versions, machine and program to the warnings', () => {
    const other = { ...document, backend: 'cpu', versions: { tfjs: '4.23.0' }, arch: 'arm64', program: 'p2' };
    expect(compareCompatibility(document, other)).toEqual([]);
    expect(compatibilityWarnings(document, other)).toEqual([
      '`backend`: wasm in the checkpoint, cpu in the program',
      '`versions.tfjs`: 4.22.0 in the checkpoint, 4.23.0 in the program',
      '`arch`: x64 in the checkpoint, arm64 in the program',
      '`program`: p1 in the checkpoint, p2 in the program',
    ]);
    expect(compatibilityWarnings(document, { ...document, seed: 9 })).toEqual([]);
  });

  it('stays readable when everything differs', () => {
    const lines = compareCompatibility({ tensors: tensors([1]) }, { tensors: tensors([2]) });
    expect(lines).toHaveLength(51);
    expect(lines.at(-1)).toBe('and 450 more differences');
    const [long] = compareCompatibility({ seed: 'x'.repeat(500) }, { seed: 1 });
    expect(long?.length).toBeLessThan(150);
  });

  it('finds nothing in any document compared with itself, and something in any two that differ', () => {
    const anyDocument = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(anyDocument, (value) => compareCompatibility(value, structuredClone(value)).length === 0),
    );
    const name = fc.constantFrom('a', 'b', 'c');
    const numbers = fc.dictionary(name, fc.dictionary(name, fc.nat(2), { noNullPrototype: true }), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(numbers, numbers, (left, right) => {
        const differs = compareCompatibility({ x: left }, { x: right }).length > 0;
        return differs === !isDeepStrictEqual(left, right);
      }),
    );
    expect(compareCompatibility({ x: [] }, { x: {} })).toHaveLength(1);
  });
});
