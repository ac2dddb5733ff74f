import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptionError, UserProgramError } from '../../../lib/base/errors.ts';
import { decodePlain, encodePlain } from '../../../lib/training/plain-values.ts';

const at = 'state.x';
const throughJson = (value: unknown): unknown =>
  decodePlain(JSON.parse(JSON.stringify(encodePlain(value, { at }))));

describe('plain values', () => {
  it.each([
    ['undefined', undefined],
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['negative infinity', Number.NEGATIVE_INFINITY],
    ['negative zero', -0],
    ['a small number', 5e-324],
    ['a bigint', -(2n ** 80n)],
    ['half a surrogate pair', '\ud800'],
    ['a date', new Date(1_700_000_000_123)],
    ['an invalid date', new Date(Number.NaN)],
    [
      'a map',
      new Map<unknown, unknown>([
        ['a', { b: -0 }],
        [{ key: true }, [undefined]],
      ]),
    ],
    ['a set', new Set<unknown>([1, 'one', Number.NaN])],
    ['an object with the key of a tag', { $: 'undefined', v: 1 }],
    ['nested lists', [[], [null, [undefined]]]],
  ])('come back as they were: %s', (_, value) => {
    expect(throughJson(value)).toStrictEqual(value);
    expect(Object.is(throughJson(-0), -0)).toBe(true);
  });

  it('come back equal, whatever they are, and are written alike again', () => {
    const values = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: false,
      withSparseArray: false,
    });
    fc.assert(
      fc.property(values, (value) => {
        const encoded = JSON.stringify(encodePlain(value, { at }));
        const back = decodePlain(JSON.parse(encoded));
        expect(back).toStrictEqual(value);
        expect(JSON.stringify(encodePlain(back, { at }))).toBe(encoded);
      }),
      { numRuns: 500 },
    );
  });

  it('keep the order of keys, which a program can see', () => {
    expect(JSON.stringify(encodePlain({ b: 1, a: 2 }, { at }))).toBe('{"b":1,"a":2}');
  });

  it('never reach a prototype', () => {
    const value: unknown = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}');
    const back = throughJson(value);
    expect(back).toStrictEqual(value);
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    const tagged = decodePlain({ $: 'object', v: [['__proto__', { polluted: true }]] });
    expect(Object.getPrototypeOf(tagged)).toBe(Object.prototype);
  });

  class Environment {
    readonly size = 1;
  }
  const cycle: { inner: unknown[] } = { inner: [] };
  cycle.inner.push({ deep: cycle });
  let deep: unknown = 0;
  for (let level = 0; level < 300; level++) deep = [deep];
  it.each([
    ['a function', { policy: { act: () => 1 } }, 'state.x.policy.act holds a function'],
    ['a symbol', [Symbol('s')], 'state.x.0 holds a symbol'],
    ['a class instance', { env: new Environment() }, 'state.x.env holds an instance of Environment'],
    ['a cycle', cycle, 'state.x.inner.0.deep holds a value that contains itself'],
    ['runaway nesting', deep, 'more than 200 levels of nesting'],
    ['a promise', { saved: Promise.resolve() }, 'save must be synchronous'],
    ['a buffer', { bytes: Buffer.from('a') }, 'state.x.bytes holds an instance of Buffer'],
    ['a typed array where none can be stored', [new Float32Array(1)], 'state.x.0 holds a typed array'],
    [
      'a getter',
      {
        get size() {
          return 1;
        },
      },
      'state.x.size holds a property with a getter',
    ],
    ['a key that is a symbol', { [Symbol('s')]: 1 }, 'named by a symbol'],
  ])('refuse %s, naming its path', (_, value, message) => {
    expect(() => encodePlain(value, { at })).toThrow(UserProgramError);
    expect(() => encodePlain(value, { at })).toThrow(message);
  });

  it('may hold the same object twice', () => {
    const shared = { n: 1 };
    expect(throughJson({ a: shared, b: shared })).toStrictEqual({ a: { n: 1 }, b: { n: 1 } });
  });

  it('store typed arrays elsewhere, named by where they stand', () => {
    const stored = new Map<string, unknown>();
    const value = { ring: { before: Float32Array.of(1, 2) }, list: [new Uint8Array(2)] };
    const encoded = encodePlain(value, {
      at,
      typedArray(array, path) {
        stored.set(path, array);
        return path;
      },
    });
    expect([...stored.keys()]).toEqual(['ring/before', 'list/0']);
    const back = decodePlain(encoded, (name) => (name === 'list/0' ? value.list[0]! : value.ring.before));
    expect(back).toStrictEqual(value);
  });

  it.each([
    { $: 'unheard-of' },
    { $: 'bigint', v: '1e3' },
    { $: 'number', v: '17' },
    { $: 'Map', v: [[1]] },
    { $: 'Set' },
    { $: 'tensor', v: 'x' },
  ])('name %j as damage', (encoded) => {
    expect(() => decodePlain(encoded)).toThrow(CorruptionError);
  });
});
