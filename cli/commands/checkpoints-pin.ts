import { pinCheckpoint, type PinResult, unpinCheckpoint } from '../../lib/client/pin-checkpoint.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { CliContext, Command } from '../context.ts';
import type { CheckpointInput } from '../inputs.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast checkpoints pin JOB CHECKPOINT`: keep it whatever the keep policy says. */
export const checkpointsPin: Command<CheckpointInput> = (context, { jobId, checkpoint }) =>
  withRegion(context, async (region) => {
    const result = await pinCheckpoint(region, jobId, checkpoint);
    return report(context, { jobId, result, text: 'is pinned' });
  });

/** `holdfast checkpoints unpin JOB CHECKPOINT`: give it back to the keep policy. */
export const checkpointsUnpin: Command<CheckpointInput> = (context, { jobId, checkpoint }) =>
  withRegion(context, async (region) => {
    const result = await unpinCheckpoint(region, jobId, checkpoint);
    return report(context, { jobId, result, text: 'is left to the keep policy' });
  });

function report(
  { terminal }: CliContext,
  { jobId, result, text }: { readonly jobId: string; readonly result: PinResult; readonly text: string },
): number {
  const { record, isNew } = result;
  if (terminal.json) {
    terminal.printJson({ jobId, checkpoint: record.id, pinned: record.pinned, isNew });
    return exitCodes.ok;
  }
  terminal.print(`${record.id} ${text}${isNew ? '' : ', as before'}`);
  return exitCodes.ok;
}
