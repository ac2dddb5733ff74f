import { describe, expect, it } from 'vitest';
import { parseSaveEvery } from '../../../lib/client/save-every.ts';

describe('parseSaveEvery', () => {
  it('reads steps, times and epochs together', () => {
    expect(parseSaveEvery(['100steps', '10m', '1epoch'])).toEqual({
      everySteps: 100,
      everySeconds: 600,
      everyEpochs: 1,
    });
  });

  it('leaves the policy open when nothing is asked', () => expect(parseSaveEvery([])).toEqual({}));

  it.each(['100', 'steps', '0steps', '1.5steps', '-3s', '2days', '0s'])('refuses %j', (text) =>
    expect(() => parseSaveEvery([text])).toThrow('--save-every'),
  );

  it('refuses one kind twice, because one of them would be ignored', () =>
    expect(() => parseSaveEvery(['30s', '1m'])).toThrow('twice'));
});
