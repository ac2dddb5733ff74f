import { cancelJob } from '../../lib/client/requests.ts';
import type { Command } from '../context.ts';
import type { RequestInput } from '../inputs.ts';
import { reportRequest } from '../report-request.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast cancel JOB`: end it for good. */
export const cancel: Command<RequestInput> = (context, { jobId, wait }) =>
  withRegion(context, async (region) =>
    reportRequest({
      context,
      region,
      result: await cancelJob(region, jobId),
      wait: wait ? ['cancelled'] : undefined,
      asked: 'asked to end',
    }),
  );
