import { AccessDeniedError, messageOf, remedyOf } from '../lib/base/errors.ts';
import type { Manifest, SaveReason } from '../lib/contract/manifest.ts';
import type { TrainerMessage } from '../lib/contract/trainer-messages.ts';
import type { CheckpointRecord } from '../lib/journal/job-state.ts';
import { CheckpointAnswers, type RequestAnswer } from './checkpoint-answers.ts';
import { CheckpointSaver, type SaverOptions } from './checkpoint-saver.ts';
import { Cleaning } from './cleaning.ts';
import { makeRoom, type PendingUpload, preferEmergency } from './pending-upload.ts';
import type { StagedSource, Trainer } from './trainer/trainer.ts';

/** Saves that the store refuses in a row before the attempt ends: more would only be trained in vain. */
const refusedSavesMax = 3;

export interface PipelineOptions extends SaverOptions {
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
  readonly #answers: CheckpointAnswers;
  readonly #saver: CheckpointSaver;
  #running: Promise<void> | undefined;
  /** A checkpoint for a notice that was asked for, and has not begun. */
  #emergency: string | undefined;
  /** The trainer waits for a slot: none of those that are taken holds its present state. */
  #hasNoSlot = false;
  #refusedInRow = 0;
  readonly #cleaning: Cleaning;

  constructor(trainer: Trainer, options: PipelineOptions) {
    this.#trainer = trainer;
    this.#options = options;
    this.#answers = new CheckpointAnswers((id) => this.#find(id) !== undefined);
    this.#saver = new CheckpointSaver(options);
    this.#cleaning = new Cleaning(options.world, options.claim);
  }

  /** The trainer goes on from this checkpoint. */
  restoredFrom(record: CheckpointRecord, manifest: Manifest): void {
    this.#answers.restored(record);
    this.#saver.restoredFrom(manifest);
  }

  /** True while a checkpoint for this reason is on its way. */
  isReceiving(reason: SaveReason): boolean {
    return this.#entries.some((entry) => entry.source.message.reason === reason);
  }

  /** Commits of this attempt. */
  get commits(): number {
    return this.#saver.commits;
  }

  handle(message: TrainerMessage): void {
    switch (message.kind) {
      case 'hello':
        this.#saver.runsOn(message.runtime);
        return;
      case 'staging':
        this.#emergencyAnswered(message.id);
        this.#hasNoSlot = false;
        this.#entries.push({
          source: this.#trainer.open(message),
          receivedAtMs: this.#options.world.clock.monotonicMs(),
          upload: new AbortController(),
          durableBytes: 0,
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
        if (this.#emergency !== undefined) makeRoom(this.#entries, this.#hasNoSlot);
        return;
      case 'no-slot':
        this.#hasNoSlot = true;
        if (this.#emergency !== undefined) makeRoom(this.#entries, true);
        return;
      case 'abandoned':
        this.#emergencyAnswered(message.id);
        this.#find(message.id)?.source.abandon(message.why);
        this.#answers.answer(message.id, { outcome: 'given-up', why: message.why });
        return;
      case 'unchanged':
        this.#emergencyAnswered(message.id);
        this.#answers.alias(message.id, message.as);
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
    const { id, answer } = this.#answers.ask();
    if (reason === 'notice') {
      this.#saver.hurry(how.noticeAtMs);
      this.#emergency = id;
      makeRoom(this.#entries, this.#hasNoSlot);
    }
    this.#trainer.send({ kind: 'checkpoint', id, reason, halt: how.halt });
    return answer;
  }

  /** Resolves with the record of the checkpoint that the trainer calls `id`, once it is committed, or with why it never will be. */
  committed(id: string): Promise<RequestAnswer> {
    return this.#answers.of(id);
  }

  /** The trainer is gone: what is staged will be committed, what was being written is given up. */
  trainerGone(): void {
    // Nothing newer will come that could need its slot.
    this.#hasNoSlot = false;
    for (const entry of this.#entries) entry.source.abandon('the trainer ended while writing it');
    this.#answers.trainerGone();
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

  #emergencyAnswered(id: string): void {
    if (id === this.#emergency) this.#emergency = undefined;
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
        this.#answers.answer(id, { outcome: 'committed', record });
      } catch (error) {
        this.#answers.answer(id, { outcome: 'given-up', why: messageOf(error) });
        this.#report(error, entry);
      } finally {
        this.#entries.shift();
        await this.#close(entry.source);
        const committed = this.#answers.wasCommitted(id);
        // How long a save took to fail is no measure of a flush: the next save would wait for as long as an outage lasted.
        const flushMs = this.#options.world.clock.monotonicMs() - entry.receivedAtMs;
        this.#trainer.send({ kind: 'release', slot, committed, ...(committed && { flushMs }) });
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
    const { world, onCommitted } = this.#options;
    const { record, drops, bytes } = await this.#saver.save(entry);
    this.#refusedInRow = 0;
    // Deleting can wait, a hand-over cannot: the next claim sweeps what this one leaves.
    if (!this.#saver.isHurried) this.#cleaning.afterCommit({ drops, isFirst: this.#saver.commits === 1 });
    const { reason, why = reason } = entry.source.message;
    onCommitted(record, { elapsedMs: world.clock.monotonicMs() - entry.receivedAtMs, bytes, why });
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
