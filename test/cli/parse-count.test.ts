import { describe, expect, it } from 'vitest';
import { parseCount } from '../../cli/parse-count.ts';

describe('parseCount', () => {
  it('reads whole numbers from the least on', () => {
    expect(parseCount('3', '--keep')).toBe(3);
    expect(parseCount('0', '--seed', 0)).toBe(0);
  });

  it.each(['0', '-1', '1.5', 'three', '', '1e3', '99999999999999999999'])('refuses %j', (text) =>
    expect(() => parseCount(text, '--keep')).toThrow('--keep'),
  );
});
