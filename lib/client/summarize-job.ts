import type { Instance } from '../contract/journal-entry.ts';
import type { JobStatus } from '../journal/job-state.ts';
import type { JobView } from './read-job.ts';

/** One job in one line: what every list shows. Plain JSON. */
export interface JobSummary {
  readonly jobId: string;
  readonly name: string;
  readonly status: JobStatus;
  /** An attempt is open, but its worker has fallen silent: a replacement is due. */
  readonly silent: boolean;
  /** Of a running attempt the step that it reports or has saved, else the end's, or the step that a resume would begin from. */
  readonly step: number;
  readonly stepsTotal: number | null;
  readonly epoch: number;
  /** The last that the newest attempt reported. */
  readonly loss: number | null;
  /** Of a running attempt; null where the program has no examples to count. */
  readonly examplesPerSecond: number | null;
  /** Machines that were lost, with a notice or without. */
  readonly recoveries: number;
  readonly lastCheckpoint: { readonly id: string; readonly step: number; readonly at: string } | null;
  readonly worker: Instance | null;
  readonly submittedAt: string | null;
  readonly updatedAt: string | null;
}

export function summarizeJob(view: JobView): JobSummary {
  const { state, heartbeat } = view;
  const checkpoint = state.checkpoints.findLast(({ quarantined }) => quarantined === undefined);
  const running = view.isLive ? heartbeat : undefined;
  const saved = checkpoint?.step ?? 0;
  return {
    jobId: state.jobId,
    name: state.name,
    status: state.status,
    silent: state.claim !== null && !view.isLive,
    step: running === undefined ? (state.end?.step ?? saved) : Math.max(running.step, saved),
    stepsTotal: heartbeat?.total ?? null,
    epoch: running?.epoch ?? checkpoint?.epoch ?? 0,
    loss: heartbeat?.loss ?? state.end?.metrics['loss'] ?? null,
    examplesPerSecond: running?.examplesPerSecond || null,
    recoveries: state.totals.interruptions + state.totals.silentDeaths,
    lastCheckpoint:
      checkpoint === undefined ? null : { id: checkpoint.id, step: checkpoint.step, at: checkpoint.at },
    worker: view.isLive ? (state.claim?.instance ?? null) : null,
    submittedAt: state.submittedAt,
    updatedAt: state.updatedAt,
  };
}
