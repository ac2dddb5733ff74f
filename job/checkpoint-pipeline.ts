import { type Deferred, deferred } from '../lib/base/deferred.ts';
import { AccessDeniedError, ConflictError, messageOf, remedyOf } from '../lib/base/errors.ts';
import { commitCheckpoint } from '../lib/checkpoint/commit.ts';
import { type UploadedCheckpoint, uploadCheckpoint } from '../lib/checkpoint/upload.ts';
import type { KeepPolicySpec } from '../lib/contract/job-spec.ts';
import type { Manifest, Runtime, SaveReason } from '../lib/contract/manifest.ts';
import type { TrainerMessage } from '../lib/contract/trainer-messages.ts';
import type { Claim } from '../lib/journal/claim.ts';
import type { CheckpointRecord } from '../lib/journal/job-state.ts';
import { Cleaning } from './cleaning.ts';
import { makeRoom, type PendingUpload, preferEmergency } from './pending-upload.ts';
import type { StagedSource, Trainer } from './trainer/trainer.ts';
import type { World } from './world.ts';

/** What came of a checkpoint that the supervisor asked for. */
export type RequestAnswer =
  | { readonly outcome: 'committed'; readonly record: CheckpointRecord }
  | { readonly outcome: 'given-up'; readonly why: string };

/** Saves that the store refuses in a row before the attempt ends: more would only be trained in vain. */
const refusedSavesMax = 3;

export interface PipelineOptions {
  readonly world: World;
  readonly claim: Claim;
  readonly keep: KeepPolicySpec;
  /** Ends uploads at once: the claim is lost. */
  readonly signal: AbortSignal;
  readonly onCommitted: (
    record: CheckpointRecord,
    measured: { readonly elapsedMs: number; readonly bytes: number; readonly why: string },
  ) => void;
  /** The claim is lost, or the store refuses us for good. */
  readonly onBroken: (error: unknown) => void;
}

/**
 * From slots to the journal. Slot: free → writing (trainer's) → staged → uploading (ours) → free by `release` only.
 * One upload at a time, oldest first; what the trainer still writes is sent as it grows; only `staged` lets it commit.
 */
export class CheckpointPipeline {
  readonly #options: PipelineOptions;
  readonly #trainer: Trainer;
  readonly #entries: PendingUpload[] = [];
  readonly #requests = new Map<string, Deferred<RequestAnswer>>();
  /** What came of this attempt's checkpoints; the trainer may answer `unchanged`, or be done, with one of them. */
  readonly #answers = new Map<string, RequestAnswer>();
  #runtime: Runtime = { backend: 'unknown', versions: {}, arch: process.arch };
  /** Manifest of the newest checkpoint: chunks that it names are not sent again. */
  #parent: Manifest | undefined;
  #ordinal = 0;
  #commits = 0;
  #requestCount = 0;
  #running: Promise<void> | undefined;
  #noticeAtMs: number | undefined;
  #refusedInRow = 0;
  readonly #cleaning: Cleaning;

  constructor(trainer: Trainer, options: PipelineOptions) {
    this.#trainer = trainer;
    this.#options = options;
    this.#cleaning = new Cleaning(options.world, options.claim);
  }

  /** The trainer goes on from this checkpoint. */
  restoredFrom(record: CheckpointRecord, manifest: Manifest): void {
    this.#answers.set('restored', { outcome: 'committed', record });
    this.#parent = manifest;
  }

  /** True while a checkpoint for this reason is on its way. */
  isReceiving(reason: SaveReason): boolean {
    return this.#entries.some((entry) => entry.source.message.reason === reason);
  }

  /** Commits of this attempt. */
  get commits(): number {
    return this.#commits;
  }

  handle(message: TrainerMessage): void {
    switch (message.kind) {
      case 'hello':
        this.#runtime = message.runtime;
        return;
      case 'staging':
        this.#entries.push({
          source: this.#trainer.open(message),
          receivedAtMs: this.#options.world.clock.monotonicMs(),
          upload: new AbortController(),
          sentBytes: 0,
          uploading: false,
        });
        this.#run();
        return;
      case 'written':
        this.#find(message.id)?.source.wrote(message.path, message.bytes);
        return;
      case 'staged':
        this.#find(message.id)?.source.staged();
        // Not before: a trainer that dies while it writes must not have cost the checkpoint before.
        preferEmergency(this.#entries);
        return;
      case 'abandoned':
        this.#find(message.id)?.source.abandon(message.why);
        this.#answer(message.id, { outcome: 'given-up', why: message.why });
        return;
      case 'unchanged':
        this.#alias(message.id, message.as);
        return;
      case 'phase':
      case 'progress':
      case 'failed':
      case 'done':
        return;
    }
  }

  /** Asks the trainer for a checkpoint. `noticeAtMs` (monotonic) starts the measurement of notice-to-durable. */
  request(
    reason: SaveReason,
    how: { readonly halt: boolean; readonly noticeAtMs?: number },
  ): Promise<RequestAnswer> {
    const id = `s${++this.#requestCount}`;
    const answer = deferred<RequestAnswer>();
    this.#requests.set(id, answer);
    if (how.noticeAtMs !== undefined) this.#noticeAtMs = how.noticeAtMs;
    if (reason === 'notice') makeRoom(this.#entries);
    this.#trainer.send({ kind: 'checkpoint', id, reason, halt: how.halt });
    return answer.promise;
  }

  /**
   * Resolves with the record of the checkpoint that the trainer calls `id`, once it is committed. One that is not on its
   * way will never be: whoever waited for it would wait for ever.
   */
  committed(id: string): Promise<RequestAnswer> {
    const known = this.#answers.get(id);
    if (known !== undefined) return Promise.resolve(known);
    const asked = this.#requests.get(id);
    if (asked === undefined && this.#find(id) === undefined)
      return Promise.resolve({ outcome: 'given-up', why: `the trainer never staged the checkpoint ${id}` });
    const answer = asked ?? deferred<RequestAnswer>();
    this.#requests.set(id, answer);
    return answer.promise;
  }

  /** The trainer is gone: what is staged will be committed, what was being written is given up. */
  trainerGone(): void {
    for (const entry of this.#entries) entry.source.abandon('the trainer ended while writing it');
    for (const [id, answer] of this.#requests) {
      if (this.#find(id) === undefined) answer.resolve({ outcome: 'given-up', why: 'the trainer has ended' });
    }
  }

  /** Drops and deletes what operators asked to prune, beside training. */
  answerPruneRequests(): void {
    this.#cleaning.answerRequests();
  }

  /** Resolves when nothing is left to upload and what was dropped has been deleted. */
  async drained(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    await this.#cleaning.idle();
  }

  #find(id: string): PendingUpload | undefined {
    return this.#entries.find((entry) => entry.source.message.id === id);
  }

  #answer(id: string, answer: RequestAnswer): void {
    this.#answers.set(id, answer);
    this.#requests.get(id)?.resolve(answer);
    this.#requests.delete(id);
  }

  #alias(id: string, as: string): void {
    const answer = this.#requests.get(id);
    if (answer === undefined) return;
    this.#requests.delete(id);
    if (as === 'fresh') {
      answer.resolve({ outcome: 'given-up', why: 'nothing has been trained yet' });
      return;
    }
    void this.committed(as).then((same) => answer.resolve(same));
  }

  #run(): void {
    this.#running ??= this.#uploadAll().finally(() => {
      this.#running = undefined;
      if (this.#entries.length > 0) this.#run();
    });
  }

  async #uploadAll(): Promise<void> {
    for (let entry = this.#entries[0]; entry !== undefined; entry = this.#entries[0]) {
      const { id, slot } = entry.source.message;
      try {
        const record = await this.#uploadOne(entry);
        this.#answer(id, { outcome: 'committed', record });
      } catch (error) {
        this.#answer(id, { outcome: 'given-up', why: messageOf(error) });
        this.#report(error, entry);
      } finally {
        this.#entries.shift();
        await this.#close(entry.source);
        this.#trainer.send({
          kind: 'release',
          slot,
          committed: this.#answers.get(id)?.outcome === 'committed',
          flushMs: this.#options.world.clock.monotonicMs() - entry.receivedAtMs,
        });
      }
    }
  }

  /** A file that could not be opened cannot be closed either: whoever read it has told why. */
  #close(source: StagedSource): Promise<void> {
    const { log } = this.#options.world;
    return source
      .close()
      .catch((error: unknown) => log.warn('slot-not-closed', { message: messageOf(error) }));
  }

  async #uploadOne(entry: PendingUpload): Promise<CheckpointRecord> {
    const { world, claim, keep, signal } = this.#options;
    const { source } = entry;
    const { step, epoch, example, reason, compatibility, best, why } = source.message;
    entry.uploading = true;
    const upload = (parent: Manifest | undefined): ReturnType<typeof uploadCheckpoint> =>
      uploadCheckpoint({
        store: world.store,
        clock: world.clock,
        random: world.random,
        jobId: claim.journal.jobId,
        name: { claim: claim.token, ordinal: ++this.#ordinal, step },
        source,
        parent,
        epoch,
        reason,
        runtime: this.#runtime,
        compatibility,
        signal: AbortSignal.any([signal, entry.upload.signal]),
        onProgress: (sentBytes) => {
          entry.sentBytes = sentBytes;
        },
      });
    const commit = async (uploaded: UploadedCheckpoint): ReturnType<typeof commitCheckpoint> => {
      const noticeToDurableMs =
        this.#noticeAtMs === undefined ? undefined : world.clock.monotonicMs() - this.#noticeAtMs;
      return commitCheckpoint(claim, {
        uploaded,
        epoch,
        example,
        reason,
        why,
        keep,
        noticeToDurableMs,
        best,
      });
    };
    let uploaded = await upload(this.#parent);
    let committed: Awaited<ReturnType<typeof commitCheckpoint>>;
    try {
      committed = await commit(uploaded);
    } catch (error) {
      // The parent was dropped or quarantined meanwhile: its chunks cannot be relied on, so all of them are sent.
      if (!(error instanceof ConflictError)) throw error;
      uploaded = await upload(undefined);
      committed = await commit(uploaded);
    }
    const { record, drops } = committed;
    const isFirst = this.#commits++ === 0;
    this.#refusedInRow = 0;
    this.#parent = uploaded.manifest;
    this.#cleaning.afterCommit({ drops, isFirst });
    this.#options.onCommitted(record, {
      elapsedMs: world.clock.monotonicMs() - entry.receivedAtMs,
      bytes: uploaded.bytes,
      why: why ?? reason,
    });
    return record;
  }

  #report(error: unknown, entry: PendingUpload): void {
    const { world, onBroken } = this.#options;
    const { id, step } = entry.source.message;
    if (entry.upload.signal.aborted || !entry.source.isComplete) {
      world.log.info('checkpoint-given-up', { id, step, message: messageOf(error) });
      return;
    }
    world.log.error('checkpoint-failed', { id, step, message: messageOf(error), remedy: remedyOf(error) });
    // An unreachable store costs this checkpoint, not the attempt: training goes on and the next save tries again. So
    // does one that refuses us, for a while: a role or a key may be put right, and what is trained is not yet lost.
    if (error instanceof AccessDeniedError) this.#refusedInRow += 1;
    const isBorne = error instanceof AccessDeniedError && this.#refusedInRow < refusedSavesMax;
    if (remedyOf(error) !== 'retry' && !isBorne) onBroken(error);
  }
}
