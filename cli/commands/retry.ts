import { retryJob } from '../../lib/client/requests.ts';
import type { Command } from '../context.ts';
import type { RequestInput } from '../inputs.ts';
import { reportRequest } from '../report-request.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast retry JOB`: clear the strikes of a failed job and queue it again. */
export const retry: Command<RequestInput> = (context, { jobId, wait }) =>
  withRegion(context, async (region) =>
    reportRequest({
      context,
      region,
      result: await retryJob(region, jobId),
      wait: wait ? ['running', 'completed'] : undefined,
      asked: 'queued again',
    }),
  );
