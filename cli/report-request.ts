import { type RequestResult, waitForJob } from '../lib/client/requests.ts';
import type { Region } from '../lib/client/region.ts';
import { exitCodes } from '../lib/contract/exit-codes.ts';
import type { JobState, JobStatus } from '../lib/journal/job-state.ts';
import { isFinished } from '../lib/journal/status.ts';
import type { CliContext } from './context.ts';
import { exitCodeOfJob } from './exit-code-of-job.ts';

export interface ReportOptions {
  readonly context: CliContext;
  readonly region: Region;
  readonly result: RequestResult;
  /** Wait until the job is one of these; undefined: report and return. */
  readonly wait: readonly JobStatus[] | undefined;
  /** What the request says once it was taken, as `asked to pause`. */
  readonly asked: string;
}

/** Says what became of a request. With `--wait` the exit code tells whether it came to pass. */
export async function reportRequest(options: ReportOptions): Promise<number> {
  const { context, region, result, wait } = options;
  if (wait === undefined) {
    report(options, result.state);
    return exitCodes.ok;
  }
  const signal = context.untilInterrupted();
  const state = await waitForJob(region, result.state.jobId, { wanted: wait, signal });
  report(options, state);
  if (wait.includes(state.status)) return exitCodes.ok;
  return signal.aborted ? exitCodes.interrupted : exitCodeOfJob(state.status) || exitCodes.conflict;
}

function report({ context, result, asked, wait }: ReportOptions, state: JobState): void {
  const { terminal } = context;
  const { jobId, status } = state;
  if (terminal.json) {
    terminal.printJson({ jobId, status, isNew: result.isNew, requests: state.requests });
    return;
  }
  const isAsked = state.requests.pause || state.requests.cancel;
  const isSettled = wait !== undefined || isFinished(status) || !isAsked;
  terminal.print(isSettled ? `${jobId} is ${status}` : `${jobId} was ${asked}; it is ${status}`);
  if (!isSettled) terminal.suggest(`Its worker answers soon. \`holdfast watch ${jobId}\` shows when.`);
}
