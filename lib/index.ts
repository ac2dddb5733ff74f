/**
 * holdfast: the client. Queue jobs, read what they are, and ask things of them, from a program instead of a shell.
 *
 * ```ts
 * import { locateRegion, openRegion, submitJob, readJob } from 'holdfast';
 *
 * const region = await openRegion(await locateRegion({ cwd: process.cwd(), env: process.env }));
 * const { jobId } = await submitJob(region, { program: { file: 'train.ts' }, cwd: process.cwd() });
 * const { state } = await readJob(region, jobId);
 * await region.close();
 * ```
 *
 * What a training program imports is `holdfast/training`.
 */
export {
  AccessDeniedError,
  ConflictError,
  CorruptionError,
  HoldfastError,
  IncompatibleError,
  NotFoundError,
  type Remedy,
  remedyOf,
  TransientError,
  UnfitError,
  UnknownFormatError,
  UsageError,
  UserProgramError,
} from './base/errors.ts';
export type { TensorDifference, TensorFacts } from './checkpoint/compare-tensors.ts';
export type { TensorChange } from './checkpoint/tensor-change.ts';
export { type Attempt, type AttemptEnd, attemptsOf } from './client/attempts.ts';
export {
  type CheckpointDescription,
  describeCheckpoint,
  type DescribedFile,
  type ReusedChunks,
} from './client/describe-checkpoint.ts';
export type { CommandOptions } from './client/command-program.ts';
export {
  type CheckpointAddress,
  type CheckpointDifference,
  type ComparedCheckpoint,
  diffCheckpoints,
  type DiffOptions,
  type StateDifference,
} from './client/diff-checkpoints.ts';
export type { FileDifference } from './client/diff-files.ts';
export { estimateFleet, type FleetEstimate, type TypeEstimate } from './client/estimate.ts';
export { findCheckpointByName } from './client/find-checkpoint.ts';
export { type CheckpointMark, listCheckpoints, type ListedCheckpoint } from './client/list-checkpoints.ts';
export {
  exportCheckpoint,
  type Exported,
  type ExportFormat,
  type ExportOptions,
} from './client/export-checkpoint.ts';
export { type Forked, forkJob, type ForkOptions } from './client/fork-job.ts';
export { type ForkOrigin, parseForkOrigin } from './client/fork-origin.ts';
export type { ForkChanges } from './client/fork-spec.ts';
export { loadSpec } from './client/load-spec.ts';
export { loadSweep, type Sweep } from './client/load-sweep.ts';
export { type LocateOptions, locateRegion, type RegionPlace } from './client/locate-region.ts';
export { pinCheckpoint, type PinResult, unpinCheckpoint } from './client/pin-checkpoint.ts';
export {
  planPrune,
  pruneCheckpoints,
  type PruneChoice,
  type PrunePlan,
  type PruneResult,
} from './client/prune-checkpoints.ts';
export { type Raise, raiseCapacity, type RaiseOptions } from './client/raise-capacity.ts';
export { type JobList, type JobView, listJobs, openExistingJob, readJob } from './client/read-job.ts';
export { readSweep, type SweepStanding } from './client/read-sweep.ts';
export { mergeMetrics, type MergedMetrics, readLog, readMetrics } from './client/read-segments.ts';
export { openQueue, openRegion, openStore, type Region, type RegionPorts } from './client/region.ts';
export {
  cancelJob,
  pauseJob,
  type RequestResult,
  resumeJob,
  type ResumeOptions,
  retryJob,
  waitForJob,
} from './client/requests.ts';
export { reviseSpec, type Revision } from './client/revise-spec.ts';
export { runSweep, type StartedPoint, type SweepOptions } from './client/run-sweep.ts';
export { type LogEvent, streamLogs, type StreamLogsOptions } from './client/stream-logs.ts';
export { submitJob, type SubmitOptions, type Submitted } from './client/submit-job.ts';
export { type JobSummary, summarizeJob } from './client/summarize-job.ts';
export {
  type CheckedCheckpoint,
  verifyCheckpoints,
  type VerifyChoice,
  type VerifyReport,
} from './client/verify-checkpoints.ts';
export type { ValueDifference, ValueSection } from './client/value-differences.ts';
export { type SweepPoint, sweepPoints } from './client/sweep-points.ts';
export type { Deployment } from './contract/deployment.ts';
export type { JobSpec, KeepPolicySpec, SavePolicySpec } from './contract/job-spec.ts';
export type { EntryKind, EntryOf, JournalEntry } from './contract/journal-entry.ts';
export type { Manifest } from './contract/manifest.ts';
export type { SweepDocument, SweepValue } from './contract/sweep-document.ts';
export type { LogLine, MetricPoint } from './contract/segments.ts';
export type { CheckpointRecord, JobState, JobStatus, OpenClaim } from './journal/job-state.ts';
export type { Journal } from './journal/journal.ts';
export { costOf, type CostOptions, type JobCost } from './ledger/cost.ts';
export { type Goodput, goodputOf, type JobSeconds } from './ledger/goodput.ts';
export { timeline, type TimelineEvent } from './ledger/timeline.ts';
export type { JobQueue } from './queue/job-queue.ts';
export type { ObjectStore } from './store/object-store.ts';
