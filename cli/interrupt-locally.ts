import { exitCodes } from '../lib/contract/exit-codes.ts';
import { interruptMachine } from '../local/ask-region.ts';
import type { CliContext } from './context.ts';
import { formatDuration } from './format.ts';
import type { InterruptInput } from './inputs.ts';
import { regionDir } from './region-dir.ts';

/** Asks the region that runs in the folder to interrupt one of its machines. Nobody is asked first: nothing of it costs money. */
export async function interruptLocally(
  context: CliContext,
  { jobId, kill, noticeMs }: InterruptInput,
  instanceId: string,
): Promise<number> {
  const { clock, terminal } = context;
  const dir = regionDir(context);
  const { remainingMs } = await interruptMachine(
    instanceId,
    kill ? { kind: 'kill' } : { kind: 'notice', ...(noticeMs === undefined ? {} : { noticeMs }) },
    { dir, clock },
  );
  if (terminal.json) {
    terminal.printJson({
      instance: instanceId,
      jobId: jobId ?? null,
      kind: kill ? 'kill' : 'notice',
      remainingMs,
    });
    return exitCodes.ok;
  }
  terminal.print(
    kill
      ? `${instanceId} was killed without notice.`
      : `${instanceId} has its notice: it is gone in ${formatDuration(remainingMs)}.`,
  );
  if (jobId !== undefined)
    terminal.suggest(
      `\`holdfast watch ${jobId}\` shows it move to another machine, \`holdfast why ${jobId}\` what that costs.`,
    );
  return exitCodes.ok;
}
