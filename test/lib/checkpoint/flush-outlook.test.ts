import { expect, it } from 'vitest';
import { flushOutlook } from '../../../lib/checkpoint/flush-outlook.ts';

it.each([
  [
    { flushMs: 3_240, bytes: 1.23e9, longestGapMs: 500 },
    'an emergency checkpoint of 1.2 GB takes about 3.2 s: two minutes of notice suffice, and training goes on for the first 109 s of them',
  ],
  [
    { flushMs: 100_000, bytes: 60e9, longestGapMs: 500 },
    'an emergency checkpoint of 60.0 GB takes about 100 s: two minutes of notice just suffice, so that it is taken as soon as one comes',
  ],
  [{ flushMs: 130_000, bytes: 80e9, longestGapMs: 0 }, /80\.0 GB takes about 130 s: .* do NOT suffice/],
  // The yield points of the trainer count: a step of 100 s leaves too little.
  [{ flushMs: 30_000, bytes: 950, longestGapMs: 100_000 }, /of 950 B .* do NOT suffice/],
])('says whether two minutes suffice: %o', (facts, text) => {
  if (typeof text === 'string') expect(flushOutlook(facts)).toBe(text);
  else expect(flushOutlook(facts)).toMatch(text);
});
