import { ConflictError, UnfitError } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import type { Instance } from '../contract/journal-entry.ts';
import type { JobSpec } from '../contract/job-spec.ts';
import { commitCheckpoint } from '../checkpoint/commit.ts';
import {
  copyChunks,
  type CopyOptions,
  type CopyPorts,
  putCopiedManifest,
} from '../checkpoint/copy-checkpoint.ts';
import { readManifest } from '../checkpoint/read-manifest.ts';
import { storeIdentity } from '../contract/store-identity.ts';
import { type Claim, claimOf, takeClaim } from '../journal/claim.ts';
import type { CheckpointRecord, JobState } from '../journal/job-state.ts';
import { type Journal, openJournal } from '../journal/journal.ts';
import { recordFork, recordSubmission } from '../journal/requests.ts';
import { isClaimable, isFinished, isUnfinishedFork } from '../journal/status.ts';
import { type ForkOrigin, originOf } from './fork-origin.ts';
import { changedSpec, type ForkChanges, refuseChanged } from './fork-spec.ts';
import { checkJobId, newJobId } from './job-name.ts';
import { loadSpec } from './load-spec.ts';
import { publishFirstSpec } from './publish-spec.ts';
import { whileRetained } from './open-checkpoint.ts';
import { openExistingJob } from './read-job.ts';
import type { Region } from './region.ts';
import { sendTicket } from './send-ticket.ts';
import { unlessFenced } from './tidy-claim.ts';

export interface ForkOptions extends ForkChanges {
  readonly from: ForkOrigin;
  /** Of the child. A fork that was cut short is finished by the same call with the same id. @default the name and six letters */
  readonly jobId?: string | undefined;
  /** Check everything, write nothing. @default false */
  readonly dryRun?: boolean;
  /** Called when everything is checked and nothing is written yet: from here on the fork can be repeated by this id. */
  readonly onBegin?: (child: { readonly jobId: string; readonly checkpoint: string }) => void;
  /** Called with the chunks that are copied so far, and with how many there are. */
  readonly onProgress?: (done: number, all: number) => void;
  readonly signal?: AbortSignal;
}

export interface Forked {
  readonly jobId: string;
  readonly spec: JobSpec;
  /** `repeated`: the child was complete before; a worker was only woken again, unless the job is over. */
  readonly outcome: 'queued' | 'repeated' | 'dry-run';
  readonly forkedFrom: NonNullable<JobState['forkedFrom']>;
  readonly warnings: readonly string[];
}

/** Who claims the child to give it its first checkpoint. Two of them make the same, so that one may go on for the other. */
const maker: Instance = { id: 'fork', type: 'operator', zone: 'none' };

/** The slot that a child's first claim takes, unless somebody asks something of the child in between. */
const usualClaim = 2;

/**
 * Makes a job that begins with a checkpoint of another one, copied within the store. In this order: the child's spec; the
 * parent's `forked`, which holds the checkpoint for a day; the chunks, each verified, under the name that the child's first
 * claim will have; the child's `submitted`, `claimed`, manifest, `checkpoint` and `released`; its ticket. A child exists from
 * `submitted` on, and no worker begins it before its `checkpoint`. Whatever is cut short, the same call with the same id
 * finishes it; of a child that never came to `submitted` nothing but unreferenced objects is left.
 * @throws NotFoundError when there is no such job or checkpoint; ConflictError when the checkpoint is damaged, or another job
 * has the id; UsageError for bad input; CorruptionError when the checkpoint turns out damaged
 */
export async function forkJob(region: Region, options: ForkOptions): Promise<Forked> {
  const warnings: string[] = [];
  const parent = await openExistingJob(region, options.from.jobId);
  refuseElsewhere(region, parent.state);
  const plan = await planOf(region, parent, { ...options, onWarning: (warning) => warnings.push(warning) });
  const { spec, child, origin, isBegun } = plan;
  const { jobId } = spec;
  const forkedFrom = { jobId: parent.jobId, checkpoint: origin.id, step: origin.step };
  const told = { jobId, spec, forkedFrom, warnings };
  if (options.dryRun === true) return { ...told, outcome: 'dry-run' };
  // Nothing is written before a queue is known to be there for the ticket.
  await region.queue();
  options.onBegin?.({ jobId, checkpoint: origin.id });
  const ref = isBegun ? undefined : await publishFirstSpec(region.store, spec);
  if (origin.record !== undefined) {
    await recordFork(parent, { checkpoint: origin.id, child: jobId, now: region.clock.now() });
    await makeChild(region, {
      ...options,
      parent,
      child,
      record: origin.record,
      spec,
      async submit() {
        if (ref !== undefined)
          await recordSubmission(child, { spec: ref, name: spec.name, store: region.store.uri, forkedFrom });
      },
    });
  }
  await release(child);
  if (!isFinished(child.state.status)) await sendTicket(region, spec);
  return { ...told, outcome: origin.record === undefined ? 'repeated' : 'queued' };
}

interface Plan {
  readonly spec: JobSpec;
  readonly child: Journal;
  readonly origin: ReturnType<typeof originOf>;
  /** The child's journal was begun by an earlier call. */
  readonly isBegun: boolean;
}

async function planOf(
  region: Region,
  parent: Journal,
  options: ForkOptions & { readonly onWarning: (warning: string) => void },
): Promise<Plan> {
  const { from, name, dryRun = false } = options;
  const uploads = !dryRun;
  const parentSpec = await specOf(region, parent.state);
  const childName = name ?? nameOfChild(parentSpec.name, options.set);
  const jobId = options.jobId === undefined ? newJobId(childName, region.random) : checkJobId(options.jobId);
  const child = await openJournal(region, jobId);
  const origin = originOf(parent.state, child.state, from.checkpoint);
  if (child.state.sequence > 0) {
    const begun = await specOf(region, child.state);
    const spec = await changedSpec(region, begun, { ...options, uploads });
    refuseChanged(begun, spec);
    return { spec: begun, child, origin, isBegun: true };
  }
  const createdAt = region.clock.now().toISOString();
  const base = { ...parentSpec, jobId, createdAt };
  const spec = await changedSpec(region, base, { ...options, name: childName, uploads });
  return { spec, child, origin, isBegun: false };
}

/** As long as a spec takes names. */
const nameLengthMax = 120;

/** Told by what is different, where that is said. */
function nameOfChild(parent: string, set: ForkOptions['set'] = {}): string {
  const changes = Object.entries(set).map(([name, value]) => `${name}=${value}`);
  return [parent, ...(changes.length === 0 ? ['fork'] : changes)].join(' ').slice(0, nameLengthMax);
}

/** A checkpoint is copied within one store. */
function refuseElsewhere({ store }: Region, state: JobState): void {
  if (storeIdentity(state.store) === storeIdentity(store.uri)) return;
  throw new UnfitError('the job belongs to another store.', {
    facts: { job: state.jobId, jobStore: state.store, store: store.uri },
  });
}

async function specOf({ store }: Region, { spec, jobId }: JobState): Promise<JobSpec> {
  if (spec === null) throw new ConflictError(`job \`${jobId}\` was never submitted.`);
  return loadSpec(store, spec);
}

interface Making {
  readonly parent: Journal;
  readonly child: Journal;
  readonly record: CheckpointRecord;
  readonly spec: JobSpec;
  /** Begins the child's journal, where that is not done. */
  readonly submit: () => Promise<void>;
  readonly onProgress?: CopyOptions['onProgress'];
  readonly signal?: AbortSignal;
}

/** Brings a child that is held in the parent's journal to its first checkpoint. */
async function makeChild(region: Region, making: Making): Promise<void> {
  const { parent, child, record, signal = new AbortController().signal } = making;
  const { store, clock, random } = region;
  const ports: CopyPorts = { store, clock, random, log: silentLog };
  const startedMs = clock.monotonicMs();
  const source = { jobId: parent.jobId, record };
  const whole = <Result>(read: () => Promise<Result>): Promise<Result> =>
    whileRetained(region, [source], read);
  const manifest = await whole(() => readManifest(ports, { ...source, signal }));
  const optionsFor = (claim: number): CopyOptions => ({
    manifest,
    target: { jobId: child.jobId, name: { claim, ordinal: 1, step: record.step } },
    signal,
    onProgress: making.onProgress,
  });
  // Copied before there is a child: minutes, in which nothing is there that anybody could begin.
  const expected = claimToCome(child.state);
  let storedBytes = await whole(() => copyChunks(ports, optionsFor(expected)));
  await making.submit();
  const claim = await claimChild(child);
  if (claim === undefined) return;
  // Somebody asked something of the child in between, so that its first claim has another name.
  if (claim.token !== expected) storedBytes = await whole(() => copyChunks(ports, optionsFor(claim.token)));
  const uploaded = await putCopiedManifest(ports, optionsFor(claim.token), {
    createdAt: child.state.submittedAt ?? making.spec.createdAt,
    storedBytes,
    elapsedMs: clock.monotonicMs() - startedMs,
  });
  const { epoch, example, best } = record;
  const why = `forked from ${parent.jobId} at step ${record.step}`;
  const { keep } = making.spec;
  // A worker that has the child already found the checkpoint that another call made.
  await unlessFenced(commitCheckpoint(claim, { uploaded, epoch, example, best, reason: 'fork', why, keep }));
}

/** Lets a child go that has its checkpoint, also where an earlier call came no further. */
async function release(child: Journal): Promise<void> {
  await child.append(({ claim, forkedFrom, reachedStep }) =>
    claim?.instance.id === maker.id
      ? {
          kind: 'released',
          claim: claim.token,
          cause: 'handover',
          step: reachedStep,
          instance: maker,
          message: `forked from ${forkedFrom?.jobId} at step ${forkedFrom?.step}`,
        }
      : undefined,
  );
}

/** The token under which the child will be claimed, as far as can be told now. */
function claimToCome({ sequence, claim }: JobState): number {
  if (sequence === 0) return usualClaim;
  return claim?.instance.id === maker.id ? claim.token : sequence + 1;
}

/**
 * The claim under which the child gets its checkpoint: that of a call which was cut short, or a new one. Undefined when
 * another call has made it meanwhile.
 * @throws ConflictError when the child was paused or cancelled before it had a checkpoint
 */
async function claimChild(child: Journal): Promise<Claim | undefined> {
  const { claim } = await child.refresh();
  // To take it over would say that its maker died. Both write the same, to the byte, and only one `checkpoint` is appended.
  if (claim?.instance.id === maker.id && isUnfinishedFork(child.state)) return claimOf(child, claim.token);
  const taken = await takeClaim(
    child,
    { ticket: maker.id, instance: maker, isLive: () => Promise.resolve(false) },
    (state) => isUnfinishedFork(state) && isClaimable(state),
  );
  if (taken.outcome === 'claimed') return taken.claim;
  if (taken.outcome === 'owned' && taken.owner.instance.id === maker.id)
    return claimOf(child, taken.owner.token);
  const { state } = child;
  if (!isUnfinishedFork(state)) return undefined;
  throw new ConflictError(`job \`${child.jobId}\` is ${state.status}, and has no checkpoint yet.`, {
    hint:
      state.status === 'paused'
        ? `\`holdfast resume ${child.jobId}\` first, then repeat the fork.`
        : 'Fork again under another --id.',
  });
}
