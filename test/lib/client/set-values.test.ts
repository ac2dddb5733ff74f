import { describe, expect, it } from 'vitest';
import { parseSetValues } from '../../../lib/client/set-values.ts';

const defaults = {
  units: 8,
  name: 'net',
  shuffle: true,
  sizes: [3, 5],
  optimizer: { kind: 'adam', beta: 0.9 },
};

describe('--set values', () => {
  it.each([
    ['units', '16', 16],
    ['units', '3e-4', 0.0003],
    ['shuffle', 'false', false],
    ['sizes', '[1,2]', [1, 2]],
    ['name', '3', '3'],
    ['name', 'true', 'true'],
    ['optimizer.kind', '7', '7'],
    ['optimizer.beta', '0.5', 0.5],
    ['units', 'many', 'many'],
    ['units', '', ''],
    ['constructor', '1', 1],
    ['unknown', '{"a":1}', { a: 1 }],
  ])('reads %s=%s', (name, text, value) =>
    expect(parseSetValues({ [name]: text }, defaults)).toEqual({ [name]: value }),
  );

  it('reads values as JSON or text where no default is known', () =>
    expect(parseSetValues({ a: '1', b: 'x' }, null)).toEqual({ a: 1, b: 'x' }));
});
