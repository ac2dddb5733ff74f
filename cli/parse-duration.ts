import { UsageError } from '../lib/base/errors.ts';

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A year: longer than any wait that a person means, far below what a timer can count. */
const durationMsMax = 365 * 86_400_000;

/**
 * `12s`, `1.5s`, `250ms`, `2m`, `1h30m`, `2d` as milliseconds. A bare number is refused: nobody can tell its unit.
 * @throws UsageError naming the option and the forms that are understood
 */
export function parseDuration(text: string, option: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join('') === text;
  const ms = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (unitsMs[unit ?? ''] ?? 0), 0);
  if (!isWhole || !(ms <= durationMsMax)) {
    throw new UsageError(`${option} is not a duration: \`${text}\`.`, {
      hint: 'Write a number with its unit: 250ms, 1.5s, 2m, 1h30m, 2d.',
    });
  }
  return ms;
}
