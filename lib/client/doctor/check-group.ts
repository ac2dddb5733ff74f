import type { Clock } from '../../base/clock.ts';
import { AccessDeniedError } from '../../base/errors.ts';
import type { GroupActivity, WorkerGroup } from '../../fleet/worker-groups.ts';
import { type Check, fail, type Finding, pass, skip, warn } from './check.ts';

/** Older failures say nothing of now: Auto Scaling tries again every few minutes. */
const recentMs = 60 * 60_000;

export interface GroupPorts {
  readonly group: (signal: AbortSignal) => Promise<WorkerGroup | undefined>;
  readonly activities: (name: string, signal: AbortSignal) => Promise<readonly GroupActivity[]>;
  readonly clock: Clock;
}

/** Whether the Auto Scaling group has what it asks for, and why not. */
export function checkGroup(name: string, ports: GroupPorts): Check {
  return {
    name: 'group',
    after: 'deployment',
    async run(signal) {
      const group = await ports.group(signal);
      if (group === undefined) return skip(`there is no group ${name}`);
      const { desired, max, machines } = group;
      const inService = machines.filter(({ lifecycle }) => lifecycle === 'InService').length;
      const facts = `${inService} in service of ${desired} wanted, ${max} at most`;
      if (max === 0)
        return fail(`${facts}: the group may have no machine`, 'raise its maximum and deploy again');
      const failure = await recentFailure(name, ports, signal);
      if (failure !== undefined) return ofFailure(facts, failure.reason);
      const broken = machines.filter(({ isHealthy }) => !isHealthy).length;
      if (broken > 0)
        return warn(`${facts}; ${broken} unhealthy, being replaced`, '`holdfast fleet` shows which');
      return pass(facts);
    },
  };
}

async function recentFailure(
  name: string,
  { activities, clock }: GroupPorts,
  signal: AbortSignal,
): Promise<GroupActivity | undefined> {
  try {
    const found = await activities(name, signal);
    const since = clock.now().getTime() - recentMs;
    return found.find(({ hasFailed, at }) => hasFailed && at.getTime() >= since);
  } catch (error) {
    // The numbers above stand without the list.
    if (error instanceof AccessDeniedError) return undefined;
    throw error;
  }
}

/** In AWS's words, with what they mean where it is known. */
function ofFailure(facts: string, reason: string): Finding {
  const message = `${facts}; the last launch failed: ${reason}`;
  if (/max spot instance count exceeded|vcpu limit|limit exceeded|quota/i.test(reason))
    return fail(message, 'ask for a higher quota; the line of quotas above says how');
  if (/capacity|no spot|could not launch spot|unfulfillable/i.test(reason))
    return warn(
      message,
      'wait: Auto Scaling goes on trying; more instance types, more zones or an On-Demand fallback make it rarer',
    );
  return warn(message, 'look at the activities of the group in the EC2 console');
}
