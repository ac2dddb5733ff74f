import { pause } from '../../lib/base/clock.ts';
import { openExistingJob, viewOf } from '../../lib/client/read-job.ts';
import { type JobSummary, summarizeJob } from '../../lib/client/summarize-job.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import { isFinished } from '../../lib/journal/status.ts';
import type { CliContext, Command } from '../context.ts';
import { exitCodeOfJob } from '../exit-code-of-job.ts';
import { formatAge, formatNumber } from '../format.ts';
import type { JobInput } from '../inputs.ts';
import { lossText, paintStatus, statusText, stepText } from '../status-text.ts';
import { withRegion } from '../with-region.ts';

/** A screen is drawn at most once a second, however short the region's timers are: nobody reads faster. */
const screenMsMin = 1_000;
/** Without a terminal a line comes when the status changes, and at least this often. */
const lineMsMax = 30_000;
const barWidth = 40;

/** `holdfast watch JOB`: the job on one screen until it ends; the exit code is the job's. */
export const watch: Command<JobInput> = (context, { jobId }) =>
  withRegion(context, async (region) => {
    const signal = context.untilInterrupted();
    const journal = await openExistingJob(region, jobId);
    const screen = screenFor(context);
    const pollMs = Math.max(screenMsMin, region.timers.requestsPollMs);
    for (;;) {
      const state = await journal.refresh();
      screen(summarizeJob(await viewOf(region, state)));
      if (isFinished(state.status)) return exitCodeOfJob(state.status);
      if (!(await pause(context.clock, pollMs, signal))) return exitCodes.interrupted;
    }
  });

/** How the job is shown: redrawn on a terminal, as plain lines elsewhere, as documents with `--json`. */
function screenFor(context: CliContext): (job: JobSummary) => void {
  const { terminal, clock } = context;
  if (terminal.json) return (job) => terminal.printJson({ job });
  let shown: { readonly status: string; readonly atMs: number; readonly lines: number } | undefined;
  return (job) => {
    const status = statusText(job);
    if (terminal.isInteractive) {
      const lines = screenLines(context, job);
      const up = shown === undefined ? '' : `\u001B[${shown.lines}A\u001B[J`;
      terminal.draw(`${up}${lines.map((line) => `${line}\n`).join('')}`);
      shown = { status, atMs: clock.monotonicMs(), lines: lines.length };
      return;
    }
    const nowMs = clock.monotonicMs();
    if (shown !== undefined && shown.status === status && nowMs - shown.atMs < lineMsMax) return;
    terminal.print(plainLine(job, clock.now()));
    shown = { status, atMs: nowMs, lines: 1 };
  };
}

function plainLine(job: JobSummary, now: Date): string {
  return [
    `${now.toISOString()} ${statusText(job)}`,
    `step ${stepText(job)}`,
    `epoch ${job.epoch}`,
    `loss ${lossText(job)}`,
    `recoveries ${job.recoveries}`,
    `checkpoint ${formatAge(job.lastCheckpoint?.at, now)}`,
    `worker ${job.worker?.id ?? '-'}`,
  ].join(' · ');
}

function screenLines({ terminal, clock }: CliContext, job: JobSummary): readonly string[] {
  const { colors } = terminal;
  const now = clock.now();
  const { stepsTotal, step, lastCheckpoint, examplesPerSecond } = job;
  const share = stepsTotal === null || stepsTotal === 0 ? 0 : Math.min(1, step / stepsTotal);
  const filled = Math.round(share * barWidth);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${(share * 100).toFixed(1)} %`;
  const speed =
    examplesPerSecond === null ? '' : ` · ${formatNumber(Math.round(examplesPerSecond))} examples/s`;
  const saved =
    lastCheckpoint === null
      ? 'none yet'
      : `step ${lastCheckpoint.step}, ${formatAge(lastCheckpoint.at, now)} ago`;
  const lines = [
    ...(stepsTotal === null ? [] : [`  ${bar}`]),
    `  step ${stepText(job)} · epoch ${job.epoch} · loss ${lossText(job)}${speed}`,
    `  checkpoint ${saved}`,
    `  worker ${job.worker?.id ?? 'none'} · ${job.recoveries} ${job.recoveries === 1 ? 'recovery' : 'recoveries'}`,
  ];
  // A line that wraps would break the redraw, so all are cut before they are coloured.
  const status = statusText(job);
  const id = job.jobId.slice(0, Math.max(0, terminal.columns - status.length - 2));
  return [
    `${colors.bold(id)}  ${paintStatus(colors, job)(status)}`,
    ...lines.map((line) => line.slice(0, terminal.columns)),
  ];
}
