import { describe, expect, it } from 'vitest';
import { headline } from '../../../lib/ledger/headline.ts';

describe('a message in one line', () => {
  it('names file and line of the innermost frame', () => {
    expect(
      headline('RangeError: boom\n    at Object.step (src/train.ts:15:13)\n    at run (other.ts:1:2)'),
    ).toBe('RangeError: boom (src/train.ts:15:13)');
    expect(headline('Error: boom at import\n    at train.ts:4:7')).toBe(
      'Error: boom at import (train.ts:4:7)',
    );
  });

  it('is the first line of anything else, without what ends it', () => {
    expect(headline('the checkpoint does not fit this run:\n  - seed: 1 in the checkpoint, 2 here')).toBe(
      'the checkpoint does not fit this run',
    );
    expect(headline('the loss of step 31 is NaN.')).toBe('the loss of step 31 is NaN');
    expect(headline('')).toBe('');
  });
});
