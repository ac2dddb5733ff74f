import { UsageError } from '../../lib/base/errors.ts';
import { retryDeadLetter } from '../../lib/client/dead-letters.ts';
import { retryJob } from '../../lib/client/requests.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import { askForMachine } from '../ask-for-machine.ts';
import type { CliContext, Command } from '../context.ts';
import type { RetryInput } from '../inputs.ts';
import { reportRequest } from '../report-request.ts';
import { withRegion } from '../with-region.ts';

/**
 * `holdfast retry JOB`: clear the strikes of a failed job and queue it again. `holdfast retry --dead-letter ID`: send a
 * message once more that no worker could make sense of.
 */
export const retry: Command<RetryInput> = (context, { jobId, deadLetter, wait }) => {
  if ((jobId === undefined) === (deadLetter === undefined) || (wait && jobId === undefined)) {
    throw new UsageError('retry takes a job, or one dead letter.', {
      hint: '`holdfast retry JOB`, or `holdfast retry --dead-letter ID` with an id of `holdfast ls --dead-letters`.',
    });
  }
  return jobId === undefined ? resend(context, deadLetter ?? '') : retryFailed(context, { jobId, wait });
};

function retryFailed(
  context: CliContext,
  { jobId, wait }: { readonly jobId: string; readonly wait: boolean },
): Promise<number> {
  return withRegion(context, async (region) => {
    const result = await retryJob(region, jobId);
    if (result.isNew) await askForMachine(context, region, { isNew: true });
    return reportRequest({
      context,
      region,
      result,
      wait: wait ? ['running', 'completed'] : undefined,
      asked: 'queued again',
    });
  });
}

async function resend(context: CliContext, deadLetter: string): Promise<number> {
  const { terminal } = context;
  const { messageId } = await withRegion(context, async (region) => retryDeadLetter(region, deadLetter));
  if (terminal.json) terminal.printJson({ deadLetter, messageId });
  else terminal.print(`${deadLetter} was sent once more, as message ${messageId}`);
  return exitCodes.ok;
}
