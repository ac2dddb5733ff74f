/**
 * What operators append. Each is safe to repeat: what already holds is not asked again (`entry` undefined), and what
 * does not fit the state of the job is a `ConflictError` with nothing written.
 */
import { ConflictError, NotFoundError } from '../base/errors.ts';
import type { DocumentRef } from '../contract/journal-entry.ts';
import { findCheckpoint, forkHoldMs, heldByForks, mustStay } from './fold-checkpoints.ts';
import type { AppendResult, Journal, NewEntry } from './journal.ts';
import type { CheckpointRecord, JobState } from './job-state.ts';
import { isFinished } from './status.ts';

export interface By {
  /** Who asks, for people: a user name, `reconcile`. */
  readonly by: string;
}

/** The newest state decides, also where the answer is that nothing needs to be written. */
async function ask(
  journal: Journal,
  decide: (state: JobState) => NewEntry | undefined,
): Promise<AppendResult> {
  await journal.refresh();
  return journal.append((state) => {
    if (state.sequence === 0) {
      throw new NotFoundError(`there is no job \`${state.jobId}\`.`, {
        hint: '`holdfast ls` lists the jobs of this store.',
      });
    }
    return decide(state);
  });
}

interface Submission {
  readonly spec: DocumentRef;
  readonly name: string;
  readonly store: string;
  /** The checkpoint of another job that this one begins with. */
  readonly forkedFrom?: NonNullable<JobState['forkedFrom']>;
}

function isSameOrigin(one: JobState['forkedFrom'], other: JobState['forkedFrom']): boolean {
  return one?.jobId === other?.jobId && one?.checkpoint === other?.checkpoint;
}

/**
 * Begins a journal. Repeating the very submission does nothing.
 * @throws ConflictError when another job has the id
 */
export async function recordSubmission(journal: Journal, facts: Submission): Promise<AppendResult> {
  await journal.refresh();
  return journal.append(({ sequence, jobId, spec, forkedFrom }) => {
    if (sequence === 0) return { kind: 'submitted', ...facts, claim: null };
    const isSame = spec?.key === facts.spec.key && spec.sha256 === facts.spec.sha256;
    if (isSame && isSameOrigin(forkedFrom, facts.forkedFrom ?? null)) return undefined;
    throw new ConflictError(`there is a job \`${jobId}\` already.`, {
      hint: 'Choose another id, or leave it out.',
    });
  });
}

/** Asks the owner to checkpoint and stop. The job keeps its history and goes on after `requestResume`. */
export async function requestPause(journal: Journal, { by }: By): Promise<AppendResult> {
  return ask(journal, (state) => {
    const { status, requests } = state;
    if (status === 'paused' || requests.pause) return undefined;
    if (isFinished(status)) throw conflict(state, 'paused');
    if (requests.cancel) throw beingCancelled(state);
    return { kind: 'pause-requested', by, claim: null };
  });
}

/** Asks the owner to stop for good. What was committed stays. */
export async function requestCancel(journal: Journal, { by }: By): Promise<AppendResult> {
  return ask(journal, (state) => {
    const { status, requests } = state;
    if (status === 'cancelled' || requests.cancel) return undefined;
    if (isFinished(status) && status !== 'paused') throw conflict(state, 'cancelled');
    return { kind: 'cancel-requested', by, claim: null };
  });
}

export interface ResumeRequest extends By {
  /** A revised spec: a fixed program, other parameters. */
  readonly spec?: DocumentRef;
  /** Roll back to this checkpoint. */
  readonly from?: string;
}

/**
 * Queues a failed or paused job again, with strikes cleared. Of a job that is not finished it withdraws a pause request,
 * or revises what nobody works on. A completed or cancelled job is over: fork it instead. The caller then sends a ticket.
 */
export async function requestResume(journal: Journal, request: ResumeRequest): Promise<AppendResult> {
  const { by } = request;
  return ask(journal, (state) => {
    const { status, requests } = state;
    if (status === 'completed' || status === 'cancelled') throw conflict(state, 'resumed');
    if (requests.cancel) throw beingCancelled(state);
    const revision = revisionOf(state, request);
    if (!isFinished(status)) {
      const revises = Object.keys(revision).length > 0;
      if (status === 'running' && (revises || !requests.pause)) throw running(state);
      if (!revises && !requests.pause) return undefined;
    }
    return { kind: 'resume-requested', by, ...revision, claim: null };
  });
}

/** What of the request is not in force already. */
function revisionOf(
  state: JobState,
  { spec, from }: ResumeRequest,
): { readonly spec?: DocumentRef; readonly from?: string } {
  if (from !== undefined) goodCheckpoint(state, from);
  return {
    ...(spec === undefined || spec.sha256 === state.spec?.sha256 ? {} : { spec }),
    ...(from === undefined || from === state.resumeFrom ? {} : { from }),
  };
}

function running(state: JobState): ConflictError {
  return new ConflictError(`job \`${state.jobId}\` is running.`, {
    hint: `\`holdfast pause ${state.jobId}\` stops it at a checkpoint first.`,
  });
}

/** Keeps a checkpoint whatever the keep policy says. */
export async function pinCheckpoint(
  journal: Journal,
  { checkpoint, by }: By & { readonly checkpoint: string },
): Promise<AppendResult> {
  return ask(journal, (state) =>
    retained(state, checkpoint).pinned ? undefined : { kind: 'pinned', checkpoint, by, claim: null },
  );
}

/** Gives a checkpoint back to the keep policy. */
export async function unpinCheckpoint(
  journal: Journal,
  { checkpoint, by }: By & { readonly checkpoint: string },
): Promise<AppendResult> {
  return ask(journal, (state) =>
    retained(state, checkpoint).pinned ? { kind: 'unpinned', checkpoint, by, claim: null } : undefined,
  );
}

/** Its bytes were verified again and are whole: it may be resumed from once more. Nothing for one that was dropped meanwhile. */
export async function liftQuarantine(
  journal: Journal,
  { checkpoint, by }: By & { readonly checkpoint: string },
): Promise<AppendResult> {
  return ask(journal, (state) =>
    findCheckpoint(state, checkpoint)?.quarantined === undefined
      ? undefined
      : { kind: 'quarantine-lifted', checkpoint, by, claim: null },
  );
}

/** Its bytes are not those that were committed. Nothing for one that is quarantined already, or was dropped meanwhile. */
export async function quarantineCheckpoint(
  journal: Journal,
  facts: { readonly checkpoint: string; readonly chunks: readonly string[]; readonly why: string },
): Promise<AppendResult> {
  const { checkpoint, chunks, why } = facts;
  return ask(journal, (state) => {
    const record = findCheckpoint(state, checkpoint);
    return record === undefined || record.quarantined !== undefined
      ? undefined
      : { kind: 'quarantined', checkpoint, chunks: [...chunks], why, claim: null };
  });
}

/** Asks for checkpoints to be dropped. The holder of the newest claim does it. */
export async function requestPrune(
  journal: Journal,
  { checkpoints, by }: By & { readonly checkpoints: readonly string[] },
): Promise<AppendResult> {
  return ask(journal, (state) => {
    refuseWhatMustStay(state, checkpoints);
    const wanted = checkpoints.filter((id) => !state.requests.prune.includes(id));
    return wanted.length === 0
      ? undefined
      : { kind: 'prune-requested', checkpoints: wanted, by, claim: null };
  });
}

/**
 * @throws ConflictError that says why one of them must stay
 * @throws NotFoundError for one that is not retained
 */
export function refuseWhatMustStay(state: JobState, ids: readonly string[]): void {
  const at = state.updatedAt ?? '';
  const stays = mustStay(state, at);
  const forks = heldByForks(state, at);
  for (const id of ids) {
    const { pinned } = retained(state, id);
    if (!stays.has(id)) continue;
    throw new ConflictError(`checkpoint \`${id}\` must stay.`, {
      hint: pinned
        ? `It is pinned. \`holdfast checkpoints unpin ${state.jobId} ${id}\` gives it free.`
        : forks.has(id)
          ? 'A fork of it was begun less than a day ago, and may still be copying. It is free when that day is over.'
          : 'It is where a resume would begin.',
    });
  }
}

/**
 * Holds a checkpoint for a day, so that a child can be made from it. A hold that has more than half a day left at `now` is
 * not renewed.
 */
export async function recordFork(
  journal: Journal,
  { checkpoint, child, now }: { readonly checkpoint: string; readonly child: string; readonly now?: Date },
): Promise<AppendResult> {
  return ask(journal, (state) => {
    goodCheckpoint(state, checkpoint);
    const held = state.forks.find((fork) => fork.checkpoint === checkpoint && fork.child === child);
    const ageMs = now === undefined || held === undefined ? Infinity : now.getTime() - Date.parse(held.at);
    if (ageMs < forkHoldMs / 2) return undefined;
    return { kind: 'forked', checkpoint, child, claim: null };
  });
}

/**
 * Says that a ticket is about to be sent for a job that seems to have lost its own. Nothing is written when anything has
 * happened since slot `seen`, on which that opinion rests: of any number of callers who saw the same, one appends.
 */
export async function recordTicket(
  journal: Journal,
  { by, seen }: By & { readonly seen: number },
): Promise<AppendResult> {
  return ask(journal, (state) => {
    if (state.sequence !== seen) return undefined;
    if (isFinished(state.status)) throw conflict(state, 'given a ticket');
    return { kind: 'ticketed', by, claim: null };
  });
}

function retained(state: JobState, id: string): CheckpointRecord {
  const record = findCheckpoint(state, id);
  if (record !== undefined) return record;
  throw new NotFoundError(`job \`${state.jobId}\` has no checkpoint \`${id}\`.`, {
    hint: `\`holdfast show ${state.jobId}\` lists those that are retained.`,
  });
}

function goodCheckpoint(state: JobState, id: string): void {
  const why = retained(state, id).quarantined;
  if (why === undefined) return;
  throw new ConflictError(`checkpoint \`${id}\` is damaged: ${why}`, {
    hint: 'Choose another one.',
  });
}

function conflict(state: JobState, what: string): ConflictError {
  return new ConflictError(`job \`${state.jobId}\` is ${state.status}; it cannot be ${what}.`, {
    hint: state.status === 'failed' ? `\`holdfast resume ${state.jobId}\` queues it again.` : 'It is over.',
  });
}

function beingCancelled(state: JobState): ConflictError {
  return new ConflictError(`job \`${state.jobId}\` is being cancelled.`, {
    hint: 'A cancel request cannot be withdrawn; submit the job anew.',
  });
}
