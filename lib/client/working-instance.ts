import { ConflictError } from '../base/errors.ts';
import type { Instance } from '../contract/journal-entry.ts';
import { isFinished } from '../journal/status.ts';
import { readJob } from './read-job.ts';
import type { Region } from './region.ts';

/**
 * The machine that works on a job now, as its journal says.
 * @throws NotFoundError when there is no such job; ConflictError when nobody works on it
 */
export async function workingInstance(region: Region, jobId: string): Promise<Instance> {
  const { state, isLive } = await readJob(region, jobId);
  if (state.claim !== null && isLive) return state.claim.instance;
  const { status } = state;
  throw new ConflictError(
    state.claim === null
      ? `job \`${jobId}\` is ${status}; no machine works on it.`
      : `job \`${jobId}\` is ${status}, but its machine has fallen silent.`,
    {
      hint: isFinished(status)
        ? `\`holdfast why ${jobId}\` tells what happened.`
        : `\`holdfast watch ${jobId}\` shows when a machine takes it.`,
    },
  );
}
