import { describe, expect, it } from 'vitest';
import { parseBytes } from '../../cli/parse-bytes.ts';

describe('parseBytes', () => {
  it.each([
    ['400kB', 400_000],
    ['400KB', 400_000],
    ['1.5MB', 1_500_000],
    ['8MiB', 8 * 1024 * 1024],
    ['2 GB', 2_000_000_000],
    ['512', 512],
    ['512B', 512],
  ])('reads %s', (text, bytes) => expect(parseBytes(text, '--bandwidth')).toBe(bytes));

  it.each(['', 'kB', '-1kB', '1e3', '4xB', '1.2.3MB', '999999999999999999 GB'])(
    'refuses %j and names the option',
    (text) => expect(() => parseBytes(text, '--bandwidth')).toThrow('--bandwidth'),
  );
});
