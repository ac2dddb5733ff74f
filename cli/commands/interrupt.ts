import { UsageError } from '../../lib/base/errors.ts';
import { isOnAws } from '../../lib/client/aws-region.ts';
import { workingInstance } from '../../lib/client/working-instance.ts';
import type { CliContext, Command } from '../context.ts';
import type { InterruptInput } from '../inputs.ts';
import { interruptLocally } from '../interrupt-locally.ts';
import { placeOf, withRegion } from '../with-region.ts';

/** `holdfast interrupt JOB`: take its machine away, as a rehearsal. */
export const interrupt: Command<InterruptInput> = async (context, input) => {
  const place = await placeOf(context);
  const isAws = isOnAws(place);
  refuseWhatDoesNotFit(input, isAws);
  const instanceId = await instanceOf(context, input);
  if (!isAws) return interruptLocally(context, input, instanceId);
  const { interruptOnAws } = await import('../interrupt-on-aws.ts');
  return interruptOnAws(context, { ...input, instanceId, place });
};

async function instanceOf(context: CliContext, { jobId, instance }: InterruptInput): Promise<string> {
  if (instance !== undefined) return instance;
  if (jobId === undefined)
    throw new UsageError('whose machine shall it be?', {
      hint: 'Name a job, or a machine with --instance; `holdfast fleet` lists them.',
    });
  return withRegion(context, async (region) => (await workingInstance(region, jobId)).id);
}

function refuseWhatDoesNotFit(input: InterruptInput, isAws: boolean): void {
  const { jobId, instance, kill, noticeMs } = input;
  if (jobId !== undefined && instance !== undefined)
    throw new UsageError('a job or a machine, not both.', { hint: 'Leave out --instance, or the job.' });
  if (kill && noticeMs !== undefined)
    throw new UsageError('a kill has no notice.', { hint: 'Leave out --kill or --notice.' });
  if (isAws && (kill || noticeMs !== undefined))
    throw new UsageError(`${kill ? '--kill' : '--notice'} is for a local region.`, {
      hint: 'On AWS the experiment gives the two minutes of EC2.',
    });
}
