import type { JobSummary } from '../lib/client/summarize-job.ts';
import { formatNumber } from './format.ts';
import type { Colors } from './terminal.ts';

/** The status as a list shows it; `silent` where a worker should be heard and is not. */
export function statusText({ status, silent }: Pick<JobSummary, 'status' | 'silent'>): string {
  return silent ? `${status} (silent)` : status;
}

/** Green ended well, red badly, yellow waits for a machine or a person. */
export function paintStatus(
  colors: Colors,
  { status, silent }: Pick<JobSummary, 'status' | 'silent'>,
): (text: string) => string {
  if (silent) return colors.yellow;
  switch (status) {
    case 'running':
      return colors.cyan;
    case 'completed':
      return colors.green;
    case 'failed':
      return colors.red;
    case 'interrupted':
    case 'paused':
      return colors.yellow;
    case 'queued':
    case 'cancelled':
      return colors.dim;
  }
}

/** `420/1000`, or `420` where the program does not say how many there will be. */
export function stepText({ step, stepsTotal }: Pick<JobSummary, 'step' | 'stepsTotal'>): string {
  return stepsTotal === null ? String(step) : `${step}/${stepsTotal}`;
}

export function lossText({ loss }: Pick<JobSummary, 'loss'>): string {
  return loss === null ? '-' : formatNumber(loss);
}
