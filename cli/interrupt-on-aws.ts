import { openEc2Market } from '../lib/aws/ec2-market.ts';
import { openFis } from '../lib/aws/fis.ts';
import { ConflictError, UsageError } from '../lib/base/errors.ts';
import { awsRegionOf } from '../lib/client/aws-region.ts';
import type { RegionPlace } from '../lib/client/locate-region.ts';
import {
  interruptibleMachine,
  rehearseInterruption,
  type Rehearsal,
} from '../lib/client/rehearse-interruption.ts';
import { exitCodes } from '../lib/contract/exit-codes.ts';
import { interruptTag } from '../lib/contract/worker-environment.ts';
import type { CliContext } from './context.ts';
import type { InterruptInput } from './inputs.ts';

interface AwsInterruption extends InterruptInput {
  readonly instanceId: string;
  readonly place: RegionPlace;
}

/** Rehearses a Spot interruption of one instance of the deployment, by its FIS experiment. */
export async function interruptOnAws(context: CliContext, asked: AwsInterruption): Promise<number> {
  const { clock, random, terminal } = context;
  const { instanceId, place, yes } = asked;
  const { templateId, group } = deploymentOf(place);
  const region = await awsRegionOf(place);
  const market = openEc2Market({ region, clock });
  const signal = context.untilInterrupted();
  try {
    const machine = await interruptibleMachine(instanceId, { market, group, signal });
    const question = `Interrupt ${instanceId} (${machine.type} in ${machine.zone})? EC2 takes it in two minutes.`;
    if (!yes && !(await isAgreed(context, question))) {
      terminal.say('Nothing was done.');
      return exitCodes.error;
    }
    const experiments = openFis({ region, clock, random });
    const rehearsal = await rehearseInterruption(
      { templateId, instanceId },
      { market, experiments, clock, random },
      signal,
    );
    report(context, asked, rehearsal);
    return exitCodes.ok;
  } finally {
    market.close();
  }
}

async function isAgreed(context: CliContext, question: string): Promise<boolean> {
  const answer = await context.confirm(question);
  if (answer === undefined)
    throw new UsageError('nobody is there to agree to it.', { hint: 'Add --yes to go on without asking.' });
  return answer;
}

function deploymentOf({ deployment }: RegionPlace): { readonly templateId: string; readonly group: string } {
  const { interruptTemplate, workersGroup } = deployment ?? {};
  if (interruptTemplate !== undefined && workersGroup !== undefined)
    return { templateId: interruptTemplate, group: workersGroup };
  throw new ConflictError(
    deployment === undefined
      ? 'no deployment is known here, and with it no experiment that could interrupt a machine.'
      : 'the deployment has no experiment that could interrupt a machine.',
    { hint: 'Run it in the folder of the deployment; `holdfast doctor` tells what stands.' },
  );
}

function report(
  { terminal }: CliContext,
  { instanceId, jobId }: AwsInterruption,
  { experiment, isMarkRemoved }: Rehearsal,
): void {
  if (!isMarkRemoved)
    terminal.say(
      `warning: the mark could not be taken off. Do it by hand: aws ec2 delete-tags --resources ${instanceId} --tags Key=${interruptTag.key}`,
    );
  if (terminal.json) {
    terminal.printJson({
      instance: instanceId,
      jobId: jobId ?? null,
      kind: 'experiment',
      experiment: { id: experiment.id, status: experiment.status },
      isMarkRemoved,
    });
    return;
  }
  terminal.print(`Experiment ${experiment.id} is ${experiment.status}: ${instanceId} gets its notice now.`);
  terminal.suggest(
    jobId === undefined
      ? '`holdfast fleet` shows the replacement.'
      : `\`holdfast watch ${jobId}\` shows it move to another machine, \`holdfast why ${jobId}\` what that costs.`,
  );
}
