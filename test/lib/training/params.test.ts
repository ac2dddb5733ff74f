import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { UsageError } from '../../../lib/base/errors.ts';
import { nearestName } from '../../../lib/training/nearest-name.ts';
import { defaultParams, resolveParams } from '../../../lib/training/params.ts';

const defaults = {
  learningRate: 0.1,
  name: 'net',
  augment: true,
  sizes: [8, 16],
  optimizer: { kind: 'adam', betas: { first: 0.9 } },
  from: null,
};

describe('resolveParams with defaults', () => {
  it('keeps what nobody set, and its order', () => {
    const params = resolveParams(defaults, { sizes: [4], augment: false });
    expect(params).toEqual({ ...defaults, sizes: [4], augment: false });
    expect(Object.keys(Object(params))).toEqual(Object.keys(defaults));
    expect(defaults.sizes).toEqual([8, 16]);
  });

  it('sets nested values by path or by object', () => {
    const wanted = { ...defaults, optimizer: { kind: 'sgd', betas: { first: 0.5 } } };
    expect(resolveParams(defaults, { 'optimizer.betas.first': 0.5, 'optimizer.kind': 'sgd' })).toEqual(
      wanted,
    );
    expect(resolveParams(defaults, { optimizer: { kind: 'sgd', betas: { first: 0.5 } } })).toEqual(wanted);
    expect(resolveParams(defaults, { optimizer: { kind: 'sgd' }, 'optimizer.betas.first': 0.5 })).toEqual(
      wanted,
    );
  });

  it('takes anything where the default is null', () => {
    expect(resolveParams(defaults, { from: 'job-7' })).toMatchObject({ from: 'job-7' });
  });

  it.each([
    [{ learningrate: 1 }, 'there is no parameter `learningrate`. Did you mean `learningRate`?'],
    [{ 'optimizer.betas.frist': 1 }, '`optimizer.betas.frist`. Did you mean `optimizer.betas.first`?'],
    [{ momentum: 1 }, 'there is no parameter `momentum`.'],
    [{ learningRate: 'fast' }, 'parameter `learningRate` must be a number, not "fast"'],
    [{ learningRate: null }, 'parameter `learningRate` must be a number, not null'],
    [{ learningRate: NaN }, 'parameter `learningRate` must be a number'],
    [{ name: 7 }, 'parameter `name` must be a text, not 7'],
    [{ augment: 1 }, 'parameter `augment` must be true or false, not 1'],
    [{ sizes: 8 }, 'parameter `sizes` must be a list, not 8'],
    [{ sizes: [8, 'x'] }, 'parameter `sizes.1` must be a number, not "x"'],
    [{ optimizer: 'adam' }, 'parameter `optimizer` must be an object'],
    [{ 'learningRate.x': 1 }, 'parameter `learningRate` must be a number'],
    [{ toString: 1 }, 'there is no parameter `toString`'],
  ])('refuses %j, naming the field', (set, message) => {
    const attempt = (): unknown => resolveParams(defaults, set);
    expect(attempt).toThrow(UsageError);
    expect(attempt).toThrow(message);
  });

  it('keeps a name like __proto__ from reaching any prototype', () => {
    const overrides: Record<string, unknown> = JSON.parse('{"__proto__.polluted": 1}');
    expect(() => resolveParams(defaults, overrides)).toThrow(/there is no parameter `__proto__`/);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('without any parameters refuses every one', () => {
    expect(resolveParams(undefined, {})).toEqual({});
    expect(() => resolveParams(undefined, { a: 1 })).toThrow(/there is no parameter `a`/);
  });
});

describe('resolveParams with a schema', () => {
  const schema = z.object({
    rate: z.number().positive().default(0.1),
    depth: z.int(),
    inner: z.object({ a: z.int() }).default({ a: 1 }),
  });

  it('gives what the schema makes of the values', () => {
    expect(resolveParams(schema, { depth: 3, 'inner.a': 2 })).toEqual({
      rate: 0.1,
      depth: 3,
      inner: { a: 2 },
    });
  });

  it('names the field that does not fit', () => {
    expect(() => resolveParams(schema, { depth: 3, rate: -1 })).toThrow(/parameter `rate`: /);
    expect(() => resolveParams(schema, { depth: 3, 'inner.a': 'x' })).toThrow(/parameter `inner\.a`: /);
    expect(() => resolveParams(schema, {})).toThrow(UsageError);
  });

  it('refuses a name that the schema would drop in silence', () => {
    expect(() => resolveParams(schema, { depth: 3, rat: 0.2 })).toThrow(
      /no parameter `rat`. Did you mean `rate`/,
    );
  });

  it('takes any object with parse, and keeps its own words', () => {
    const own = {
      parse: (): never => {
        throw new Error('rate and depth do not go together');
      },
    };
    expect(() => resolveParams(own, {})).toThrow(/rate and depth do not go together/);
  });

  it('tells defaults where there are any, and null where values are demanded', () => {
    expect(defaultParams(schema)).toBe(null);
    expect(defaultParams(z.object({ a: z.int().default(2) }))).toEqual({ a: 2 });
    expect(defaultParams({ a: 1 })).toEqual({ a: 1 });
  });
});

describe('nearestName', () => {
  it.each([
    ['learningRat', 'learningRate'],
    ['LEARNINGRATE', 'learningRate'],
    ['bacthSize', 'batchSize'],
    ['epoch', 'epochs'],
    ['momentum', undefined],
    ['x', undefined],
  ])('for %s is %s', (name, expected) => {
    expect(nearestName(name, ['batchSize', 'epochs', 'learningRate'])).toBe(expected);
  });
});
