import { UsageError } from '../lib/base/errors.ts';

/**
 * `0.3`, `$0.3` as USD.
 * @throws UsageError naming the option
 */
export function parseUsd(text: string, option: string): number {
  const usd = /^\$?(?:\d+(?:\.\d+)?|\.\d+)$/.test(text) ? Number(text.replace('$', '')) : Number.NaN;
  if (!Number.isFinite(usd)) {
    throw new UsageError(`${option} is not an amount of USD: \`${text}\`.`, {
      hint: `For example: ${option} 0.3`,
    });
  }
  return usd;
}
