import { pauseJob } from '../../lib/client/requests.ts';
import type { Command } from '../context.ts';
import type { RequestInput } from '../inputs.ts';
import { reportRequest } from '../report-request.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast pause JOB`: save, and let the machine go. */
export const pause: Command<RequestInput> = (context, { jobId, wait }) =>
  withRegion(context, async (region) =>
    reportRequest({
      context,
      region,
      result: await pauseJob(region, jobId),
      wait: wait ? ['paused'] : undefined,
      asked: 'asked to pause',
    }),
  );
