import type { KeepPolicySpec } from '../lib/contract/job-spec.ts';

/** A keep policy in words, for lists. */
export function keepText({ last, everySteps, forHours, best }: KeepPolicySpec): string {
  const kept = [
    `the last ${last}`,
    ...(everySteps === undefined ? [] : [`one at every ${everySteps} steps`]),
    ...(forHours === undefined ? [] : [`all of the last ${forHours} h`]),
    ...(best ? ['the best'] : []),
  ];
  const [final = '', ...before] = kept.toReversed();
  return before.length === 0 ? final : `${before.toReversed().join(', ')} and ${final}`;
}
