import { UsageError } from '../base/errors.ts';
import type { SavePolicySpec } from '../contract/job-spec.ts';

const forms = 'Write 100steps, 30s, 10m, 1h or 1epoch.';
const seconds: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600 };

/**
 * `--save-every 100steps --save-every 30s --save-every 1epoch`: whichever comes first.
 * @throws UsageError for an unknown form, or one kind given twice
 */
export function parseSaveEvery(texts: readonly string[]): SavePolicySpec {
  const policy: { -readonly [Key in keyof SavePolicySpec]: SavePolicySpec[Key] } = {};
  for (const text of texts) {
    const part = parseOne(text);
    for (const key of Object.keys(part)) {
      if (key in policy) throw new UsageError(`--save-every is given twice for the same unit: \`${text}\`.`);
    }
    Object.assign(policy, part);
  }
  return policy;
}

function parseOne(text: string): SavePolicySpec {
  const match = /^(\d+(?:\.\d+)?)\s*(steps?|epochs?|s|m|h)$/.exec(text);
  const amount = Number(match?.[1]);
  const unit = match?.[2] ?? '';
  if (!(amount > 0)) throw new UsageError(`--save-every is not understood: \`${text}\`.`, { hint: forms });
  const factor = seconds[unit];
  if (factor !== undefined) return { everySeconds: amount * factor };
  if (!Number.isSafeInteger(amount)) {
    throw new UsageError(`--save-every needs whole steps and epochs: \`${text}\`.`, { hint: forms });
  }
  return unit.startsWith('step') ? { everySteps: amount } : { everyEpochs: amount };
}
