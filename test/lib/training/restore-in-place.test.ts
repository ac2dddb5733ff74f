import { describe, expect, it } from 'vitest';
import { restoreInPlace } from '../../../lib/training/restore-in-place.ts';

describe('restoreInPlace', () => {
  it('gives an object the saved keys, values and order', () => {
    const target: Record<string, unknown> = { gone: 1, count: 2, kept: 3 };
    restoreInPlace(target, { kept: 4, count: Number.NaN, fresh: undefined });
    expect(target).toStrictEqual({ kept: 4, count: Number.NaN, fresh: undefined });
    expect(Object.keys(target)).toEqual(['kept', 'count', 'fresh']);
  });

  it('keeps the identity of everything inside that has a counterpart', () => {
    const inner = { n: 1 };
    const list = [inner, 2, 3];
    const map = new Map([['a', inner]]);
    const set = new Set([1]);
    const array = Float32Array.of(1, 2);
    const target = { inner, list, map, set, array };
    restoreInPlace(target, {
      inner: { n: 5 },
      list: [{ n: 5 }],
      map: new Map([['a', { n: 5 }]]),
      set: new Set([7]),
      array: Float32Array.of(8, 9),
    });
    expect(target.inner).toBe(inner);
    expect(target.list).toBe(list);
    expect(target.map).toBe(map);
    expect(target.set).toBe(set);
    expect(target.array).toBe(array);
    expect(list).toStrictEqual([{ n: 5 }]);
    expect(map.get('a')).toBe(inner);
    expect([...set]).toEqual([7]);
    expect([...array]).toEqual([8, 9]);
  });

  it('replaces what changed its kind or size', () => {
    const target: Record<string, unknown> = { a: [1], b: { n: 1 }, c: new Float32Array(2), d: 1 };
    const saved = { a: { 0: 1 }, b: null, c: new Float32Array(3), d: [1] };
    restoreInPlace(target, saved);
    expect(target).toStrictEqual(saved);
  });

  it('never reaches a prototype', () => {
    const target = {};
    restoreInPlace(target, JSON.parse('{"__proto__": {"polluted": true}}'));
    expect(Object.getPrototypeOf(target)).toBe(Object.prototype);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });
});
