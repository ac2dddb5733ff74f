import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareKeys } from '../../../lib/store/key-order.ts';

it('orders any two keys by the bytes of their UTF-8', () => {
  const key = fc.string({
    unit: fc.constantFrom('a', 'b', '/', 'é', '\uff5e', '\ue000', '\ud7ff', '\u{1f980}'),
  });
  fc.assert(
    fc.property(key, key, (left, right) => {
      const bytes = Buffer.compare(Buffer.from(left), Buffer.from(right));
      expect(compareKeys(left, right)).toBe(bytes);
    }),
    { numRuns: 1_000 },
  );
});
