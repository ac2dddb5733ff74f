import { NotFoundError } from '../base/errors.ts';
import { bestOf } from '../checkpoint/keep-policy.ts';
import type { SweepDocument } from '../contract/sweep-document.ts';
import { readJob, type JobView } from './read-job.ts';
import type { Region } from './region.ts';
import { type JobSummary, summarizeJob } from './summarize-job.ts';
import { type SweepPoint, sweepPoints } from './sweep-points.ts';

/** A point and how far it has come. */
export interface SweepStanding extends SweepPoint {
  /** Null while it is not made. */
  readonly job: JobSummary | null;
  readonly best: { readonly metric: string; readonly value: number } | null;
  /** By what points are compared; null where nothing was measured yet. */
  readonly score: number | null;
}

/** Jobs that are read at a time: enough to hide the way to S3, little enough for any store. */
const lanes = 8;

/** How all points of a sweep stand, the best first; those without a score after all others, in the order of the file. */
export async function readSweep(
  region: Region,
  document: SweepDocument & { readonly name: string },
): Promise<readonly SweepStanding[]> {
  const points = sweepPoints(document);
  const standings: SweepStanding[] = [];
  for (let start = 0; start < points.length; start += lanes) {
    const some = points.slice(start, start + lanes);
    standings.push(...(await Promise.all(some.map((point) => standingOf(region, point, document)))));
  }
  const sign = rankOf(document).goal === 'min' ? 1 : -1;
  const key = ({ score }: SweepStanding): number => (score === null ? Infinity : sign * score);
  return standings.toSorted((one, other) => (key(one) === key(other) ? 0 : key(one) - key(other)));
}

/** What decides, where the file does not say it: the loss, which every training program has. */
export function rankOf({
  rank = { metric: 'loss', goal: 'min' },
}: SweepDocument): NonNullable<SweepDocument['rank']> {
  return rank;
}

async function standingOf(
  region: Region,
  point: SweepPoint,
  document: SweepDocument,
): Promise<SweepStanding> {
  const view = await viewIfThere(region, point.jobId);
  if (view === undefined) return { ...point, job: null, best: null, score: null };
  const job = summarizeJob(view);
  const best = bestOf(view.state.checkpoints)?.best ?? null;
  const { metric } = rankOf(document);
  const measured =
    best?.metric === metric
      ? best.value
      : (view.state.end?.metrics[metric] ?? (metric === 'loss' ? job.loss : null));
  return { ...point, job, best, score: measured !== null && Number.isFinite(measured) ? measured : null };
}

async function viewIfThere(region: Region, jobId: string): Promise<JobView | undefined> {
  try {
    return await readJob(region, jobId);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
