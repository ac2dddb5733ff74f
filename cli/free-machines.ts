import { messageOf } from '../lib/base/errors.ts';
import { namedRegion } from '../lib/client/aws-region.ts';
import { unprotectFleet } from '../lib/client/unprotect-fleet.ts';
import type { Deployment } from '../lib/contract/deployment.ts';
import type { CliContext } from './context.ts';

/** Lets a deletion take machines that work: it would wait for their jobs, and then fail. */
export async function freeMachines(
  context: CliContext,
  deployment: Deployment,
  profile: string | undefined,
): Promise<void> {
  const { workersGroup, onDemandGroup } = deployment;
  if (workersGroup === undefined) return;
  const { openWorkerGroups } = await import('../lib/aws/worker-groups.ts');
  const groups = openWorkerGroups({ region: namedRegion({ ...deployment, deployment }), profile });
  try {
    const names = onDemandGroup === undefined ? [workersGroup] : [workersGroup, onDemandGroup];
    const count = await unprotectFleet(names, groups, context.untilInterrupted());
    if (count > 0) context.terminal.say(`Machines at work: ${count}. They save and hand over.`);
  } catch (error) {
    context.untilInterrupted().throwIfAborted();
    // Gone on with: where no machine works nothing is protected, and CloudFormation says what it could not delete.
    context.terminal.say(
      `A machine at work may hold up the deletion until its job ends; it could not be freed: ${messageOf(error)}`,
    );
  } finally {
    groups.close();
  }
}
