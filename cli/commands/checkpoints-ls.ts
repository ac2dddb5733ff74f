import { listCheckpoints, type ListedCheckpoint } from '../../lib/client/list-checkpoints.ts';
import { openExistingJob } from '../../lib/client/read-job.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { Command } from '../context.ts';
import { formatAge, formatBytes } from '../format.ts';
import type { JobInput } from '../inputs.ts';
import { marksText } from '../marks-text.ts';
import { type Column, table } from '../table.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast checkpoints ls JOB`: what is kept, the newest first. */
export const checkpointsLs: Command<JobInput> = (context, { jobId }) =>
  withRegion(context, async (region) => {
    const { terminal, clock } = context;
    const { state } = await openExistingJob(region, jobId);
    const newestFirst = listCheckpoints(state).toReversed();
    if (terminal.json) {
      terminal.printJson({ jobId, checkpoints: newestFirst });
      return exitCodes.ok;
    }
    if (newestFirst.length === 0) {
      terminal.say(`${jobId} has saved nothing yet.`);
      return exitCodes.ok;
    }
    const now = clock.now();
    const columns: readonly Column<ListedCheckpoint>[] = [
      { title: 'CHECKPOINT', value: ({ id }) => id },
      { title: 'STEP', value: ({ step }) => String(step), align: 'right' },
      { title: 'EPOCH', value: ({ epoch }) => String(epoch), align: 'right' },
      { title: 'AGE', value: ({ at }) => formatAge(at, now), align: 'right' },
      { title: 'SIZE', value: ({ bytes }) => formatBytes(bytes), align: 'right' },
      { title: 'NEW', value: ({ newBytes }) => formatBytes(newBytes), align: 'right' },
      // Why a policy found it due is a sentence: `checkpoints show` has it.
      { title: 'SAVED FOR', value: ({ reason }) => reason },
      { title: 'MARKS', value: marksText },
    ];
    for (const line of table(newestFirst, columns, terminal.colors.bold)) terminal.print(line);
    return exitCodes.ok;
  });
