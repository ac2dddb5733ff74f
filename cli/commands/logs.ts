import { openExistingJob } from '../../lib/client/read-job.ts';
import { type LogEvent, streamLogs } from '../../lib/client/stream-logs.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { CliContext, Command } from '../context.ts';
import { exitCodeOfJob } from '../exit-code-of-job.ts';
import type { LogsInput } from '../inputs.ts';
import { rulerText } from '../ruler.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast logs JOB`: the output of all attempts as one stream. With `-f` the exit code is the job's. */
export const logs: Command<LogsInput> = (context, { jobId, follow, lost }) =>
  withRegion(context, async (region) => {
    const journal = await openExistingJob(region, jobId);
    if (!follow) {
      for await (const event of streamLogs(region, journal)) show(context, event, lost);
      return exitCodes.ok;
    }
    const signal = context.untilInterrupted();
    for await (const event of streamLogs(region, journal, { follow, signal })) show(context, event, lost);
    return signal.aborted ? exitCodes.interrupted : exitCodeOfJob(journal.state.status);
  });

function show({ terminal }: CliContext, event: LogEvent, withLost: boolean): void {
  const { colors } = terminal;
  if (event.kind === 'line' && event.lost && !withLost) return;
  if (terminal.json) terminal.printJson(event);
  else if (event.kind === 'ruler') terminal.print(colors.yellow(rulerText(event)));
  else if (event.lost) terminal.print(colors.dim(`~ ${event.line}`));
  else if (event.stream === 'worker') terminal.print(colors.dim(`holdfast: ${event.line}`));
  else terminal.print(event.line);
}
