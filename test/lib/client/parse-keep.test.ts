import { describe, expect, it } from 'vitest';
import { parseKeep } from '../../../lib/client/parse-keep.ts';

describe('parseKeep', () => {
  it('reads what stays, together', () => {
    expect(parseKeep(['3', 'every=1000steps', 'for=24h', 'no-best'])).toEqual({
      last: 3,
      everySteps: 1_000,
      forHours: 24,
      best: false,
    });
    expect(parseKeep(['last=2', 'every=50', 'for=7d', 'best'])).toEqual({
      last: 2,
      everySteps: 50,
      forHours: 168,
      best: true,
    });
    expect(parseKeep(['for=90m'])).toEqual({ forHours: 1.5 });
  });

  it('leaves the policy open when nothing is asked', () => expect(parseKeep([])).toEqual({}));

  it.each([
    '0',
    '-1',
    '1.5',
    'last=',
    'last=0',
    'every=0steps',
    'every=2epochs',
    'for=24',
    'for=0h',
    'all',
    '',
  ])('refuses %j', (text) => expect(() => parseKeep([text])).toThrow('--keep'));

  it('refuses one kind twice, because one of them would be ignored', () => {
    expect(() => parseKeep(['3', 'last=4'])).toThrow('twice');
    expect(() => parseKeep(['best', 'no-best'])).toThrow('twice');
  });
});
