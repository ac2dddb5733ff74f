import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../cli/parse-duration.ts';
import { UsageError } from '../../lib/base/errors.ts';

describe('parseDuration', () => {
  it.each([
    ['250ms', 250],
    ['1.5s', 1_500],
    ['2m', 120_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['0s', 0],
  ])('reads %s', (text, ms) => expect(parseDuration(text, '--heartbeat')).toBe(ms));

  it.each(['', '12', 's', '-3s', '1.5', '3 s', '3x', '1s-', 'NaNs', '1e9s', '400d'])(
    'refuses %j and names the option',
    (text) => {
      const parse = (): number => parseDuration(text, '--heartbeat');
      expect(parse).toThrow(UsageError);
      expect(parse).toThrow('--heartbeat');
    },
  );
});
