import { requestsOfRestore, restoreSecondsOf } from './simulation-options.ts';
import { Training } from './simulate-training.ts';
import type { AttemptQuestion, SlotRun } from './slot-run.ts';

/** One machine's part of the job, from its first moment to its last. */
export function simulateAttempt(run: SlotRun, question: AttemptQuestion): void {
  const { up, options } = question;
  const { account, job } = run;
  const beginsAt = Math.max(up.fromSeconds + options.bootSeconds, run.claimableFromSeconds);
  const noticeAt = noticeSecondsOf(question);
  // A worker reads every source of notices before its first job.
  if (beginsAt >= Math.min(up.toSeconds, noticeAt)) {
    account.add('starting', up.fromSeconds, up.toSeconds);
    return;
  }
  account.add('starting', up.fromSeconds, beginsAt);
  job.claimed(beginsAt, run.heardStep);
  const { newest } = job;
  const restoreSeconds = newest === undefined ? 0 : restoreSecondsOf(options);
  const trainsAt = beginsAt + restoreSeconds;
  if (newest !== undefined) {
    run.counts.reads += requestsOfRestore(options);
    run.counts.downloadedBytes += options.stateBytes;
  }
  if (trainsAt >= Math.min(up.toSeconds, noticeAt)) {
    const cutAt = Math.min(up.toSeconds, noticeAt);
    account.add('restoring', beginsAt, cutAt);
    account.add('waiting', cutAt, up.toSeconds);
    if (noticeAt < up.toSeconds) job.interrupted(noticeAt, run.reachedStep);
    else if (up.end === 'interrupted') run.claimableFromSeconds = up.toSeconds + options.silenceSeconds;
    return;
  }
  account.add('restoring', beginsAt, trainsAt);
  job.restored(trainsAt, { bytes: options.stateBytes, elapsedSeconds: restoreSeconds });
  new Training(run, question, { trainsAt, noticeAt }).run();
}

/** When the worker sees the notice; infinity where it sees none. */
function noticeSecondsOf({ up, strategy, options, isMissed }: AttemptQuestion): number {
  if (up.end === 'open' || isMissed || strategy.onNotice === 'nothing') return Number.POSITIVE_INFINITY;
  const noticed = Math.max(up.fromSeconds, up.toSeconds - options.noticeSeconds);
  return noticed + options.noticeSeenSeconds;
}
