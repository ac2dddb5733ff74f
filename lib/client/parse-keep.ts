import { UsageError } from '../base/errors.ts';
import type { KeepPolicySpec } from '../contract/job-spec.ts';

const forms = 'Write 3 or last=3, every=1000steps, for=24h (also 90m, 7d), best or no-best.';
const hours: Readonly<Record<string, number>> = { m: 1 / 60, h: 1, d: 24 };

/**
 * `--keep 3 --keep every=1000steps --keep for=24h --keep no-best`: what each of them keeps stays.
 * @throws UsageError for an unknown form, or one kind given twice
 */
export function parseKeep(texts: readonly string[]): Partial<KeepPolicySpec> {
  const policy: { -readonly [Key in keyof KeepPolicySpec]?: KeepPolicySpec[Key] } = {};
  for (const text of texts) {
    const part = parseOne(text);
    for (const key of Object.keys(part)) {
      if (key in policy) throw new UsageError(`--keep is given twice for the same thing: \`${text}\`.`);
    }
    Object.assign(policy, part);
  }
  return policy;
}

function parseOne(text: string): Partial<KeepPolicySpec> {
  if (text === 'best') return { best: true };
  if (text === 'no-best') return { best: false };
  const last = /^(?:last=)?(\d+)$/.exec(text)?.[1];
  if (last !== undefined) return { last: countOf(last, text) };
  const every = /^every=(\d+)(?: *steps?)?$/.exec(text)?.[1];
  if (every !== undefined) return { everySteps: countOf(every, text) };
  const [, amount, unit = ''] = /^for=(\d+(?:\.\d+)?)(m|h|d)$/.exec(text) ?? [];
  const forHours = Number(amount) * (hours[unit] ?? Number.NaN);
  if (forHours > 0) return { forHours };
  throw new UsageError(`--keep is not understood: \`${text}\`.`, { hint: forms });
}

function countOf(digits: string, text: string): number {
  const count = Number(digits);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new UsageError(`--keep needs a whole number of at least 1: \`${text}\`.`, { hint: forms });
}
