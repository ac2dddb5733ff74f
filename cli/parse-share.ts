import { UsageError } from '../lib/base/errors.ts';

/**
 * `5%` or `0.05`, as a share of 0 to 1.
 * @throws UsageError naming the option
 */
export function parseShare(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)\s?(%?)$/.exec(text);
  const share = Number(match?.[1]) / (match?.[2] === '%' ? 100 : 1);
  if (!(share <= 1)) {
    throw new UsageError(`${option} is not a share: \`${text}\`.`, { hint: `For example: ${option} 5%` });
  }
  return share;
}
