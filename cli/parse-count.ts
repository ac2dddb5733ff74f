import { UsageError } from '../lib/base/errors.ts';

/**
 * A whole number of at least `least`.
 * @throws UsageError naming the option
 */
export function parseCount(text: string, option: string, least = 1): number {
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(count) || count < least) {
    throw new UsageError(`${option} is not a whole number of at least ${least}: \`${text}\`.`, {
      hint: `For example: ${option} ${Math.max(least, 3)}`,
    });
  }
  return count;
}
