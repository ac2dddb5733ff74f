import type { Clock } from '../base/clock.ts';
import { ConflictError, NotFoundError, TransientError, UnfitError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { interruptTag } from '../contract/worker-environment.ts';
import type { Ec2Machine, Ec2Market } from '../fleet/ec2-market.ts';
import type { Experiment, Experiments } from '../fleet/experiments.ts';

export interface RehearsalPorts {
  readonly market: Ec2Market;
  readonly experiments: Experiments;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Rehearsal {
  readonly experiment: Experiment;
  /** False: the mark is still on the instance, and a later experiment may take it. */
  readonly isMarkRemoved: boolean;
}

/** A new tag is seen by every reader of EC2 within seconds; a minute of waiting means that something else is wrong. */
const looks = { everyMs: 2_000, max: 30 };

/** FIS resolves tags through an index of its own, which may lag behind: three tries, ten seconds apart. */
const starts = { max: 3, apartMs: 10_000 };

/**
 * Makes sure that an instance may be interrupted: a running Spot instance of the deployment's group, while no other
 * rehearsal is under way (an experiment takes whichever instance bears the mark).
 * @throws NotFoundError, ConflictError
 */
export async function interruptibleMachine(
  instanceId: string,
  options: { readonly market: Ec2Market; readonly group: string | undefined; readonly signal?: AbortSignal },
): Promise<Ec2Machine> {
  const { market, group, signal } = options;
  const [[machine], marked] = await Promise.all([
    market.machines([instanceId], signal),
    market.taggedMachines(interruptTag, signal),
  ]);
  if (machine === undefined)
    throw new NotFoundError(`there is no instance \`${instanceId}\` in this region.`, {
      hint: '`holdfast fleet` lists the instances of the deployment.',
    });
  if (machine.state !== 'running')
    throw new ConflictError(`instance \`${instanceId}\` is ${machine.state}.`, {
      hint: '`holdfast fleet` lists the others.',
    });
  if (machine.tags.get('aws:autoscaling:groupName') !== group)
    throw new ConflictError(`instance \`${instanceId}\` does not belong to the group of Spot workers.`, {
      facts: { group },
      hint: '`holdfast fleet` lists the instances of the deployment.',
    });
  if (!machine.isSpot)
    throw new ConflictError(`instance \`${instanceId}\` is an On-Demand instance: EC2 never interrupts it.`, {
      hint: 'Rehearse with a Spot instance; `holdfast fleet` shows which are.',
    });
  const [other] = marked.filter((id) => id !== instanceId);
  if (other !== undefined)
    throw new ConflictError(`another rehearsal is under way: instance \`${other}\` bears the mark.`, {
      hint: `Wait until it is over. A mark that was left behind goes with: aws ec2 delete-tags --resources ${other} --tags Key=${interruptTag.key}`,
    });
  return machine;
}

/**
 * Starts the deployment's experiment for one instance: marks it, starts, waits until FIS has found its target, and takes the
 * mark off again. From then on EC2 sends a rebalance recommendation and the notice, and interrupts two minutes later.
 * @throws UnfitError when the experiment fails; the mark is off the instance then
 */
export async function rehearseInterruption(
  plan: { readonly templateId: string; readonly instanceId: string },
  ports: RehearsalPorts,
  signal?: AbortSignal,
): Promise<Rehearsal> {
  const { market } = ports;
  const { instanceId } = plan;
  await market.setTag(instanceId, interruptTag, signal);
  let experiment: Experiment;
  try {
    await untilMarked(instanceId, ports, signal);
    experiment = await startUntilFound(plan.templateId, ports, signal);
  } catch (error) {
    await unmark(market, instanceId);
    throw error;
  }
  return { experiment, isMarkRemoved: await unmark(market, instanceId) };
}

async function untilMarked(
  instanceId: string,
  { market, clock }: RehearsalPorts,
  signal?: AbortSignal,
): Promise<void> {
  for (let look = 1; look <= looks.max; look++) {
    if ((await market.taggedMachines(interruptTag, signal)).includes(instanceId)) return;
    await clock.sleep(looks.everyMs, signal);
  }
  throw new TransientError('EC2 does not show the mark that was set on the instance.', {
    facts: { instanceId },
    hint: 'Try again.',
  });
}

async function startUntilFound(
  templateId: string,
  ports: RehearsalPorts,
  signal?: AbortSignal,
): Promise<Experiment> {
  for (let attempt = 1; ; attempt++) {
    const started = await ports.experiments.start({ templateId, token: ports.random.hex(16) }, signal);
    const experiment = await untilUnderWay(started, ports, signal);
    if (experiment.status === 'running' || experiment.status === 'completed') return experiment;
    const hasFoundNobody = /empty|no target|resol/i.test(experiment.reason);
    if (!hasFoundNobody || attempt === starts.max)
      throw new UnfitError('the experiment did not run:', {
        facts: { experiment: experiment.id, status: experiment.status, said: experiment.reason },
        hint: 'The FIS console shows its log; the role of the template must be allowed to interrupt the instance.',
      });
    await ports.clock.sleep(starts.apartMs, signal);
  }
}

async function untilUnderWay(
  started: Experiment,
  { experiments, clock }: RehearsalPorts,
  signal?: AbortSignal,
): Promise<Experiment> {
  let experiment = started;
  for (let look = 1; look <= looks.max; look++) {
    if (experiment.status !== 'pending' && experiment.status !== 'initiating') return experiment;
    await clock.sleep(looks.everyMs, signal);
    experiment = await experiments.read(started.id, signal);
  }
  return experiment;
}

/** Not under the caller's signal: whoever gave up wants the mark off as well. */
async function unmark(market: Ec2Market, instanceId: string): Promise<boolean> {
  try {
    await market.removeTag(instanceId, interruptTag);
    return true;
  } catch {
    // The rehearsal itself succeeded or failed for a better reason; what is left is told to the person.
    return false;
  }
}
