import { ConflictError } from '../lib/base/errors.ts';
import { CodecLearner } from '../lib/checkpoint/codec/codec-learner.ts';
import { type CommittedCheckpoint, commitCheckpoint } from '../lib/checkpoint/commit.ts';
import { inProcessSender } from '../lib/checkpoint/chunk-sender.ts';
import { type UploadedCheckpoint, uploadCheckpoint } from '../lib/checkpoint/upload.ts';
import type { KeepPolicySpec } from '../lib/contract/job-spec.ts';
import type { Manifest, Runtime } from '../lib/contract/manifest.ts';
import type { Claim } from '../lib/journal/claim.ts';
import type { PendingUpload } from './pending-upload.ts';
import type { World } from './world.ts';

export interface SaverOptions {
  readonly world: World;
  readonly claim: Claim;
  readonly keep: KeepPolicySpec;
  /** Ends uploads at once: the claim is lost. */
  readonly signal: AbortSignal;
}

export interface SavedCheckpoint extends CommittedCheckpoint {
  /** Raw bytes of all files. */
  readonly bytes: number;
}

/** Makes staged checkpoints durable, one after the other: chunks, manifest, entry. Before `durable` nothing else is asked of the store. */
export class CheckpointSaver {
  readonly #options: SaverOptions;
  readonly #codecs: CodecLearner;
  #runtime: Runtime = { backend: 'unknown', versions: {}, arch: process.arch };
  /** Manifest of the newest checkpoint: chunks that it names are not sent again. */
  #parent: Manifest | undefined;
  #ordinal = 0;
  #commits = 0;
  #isHurried = false;
  #noticeAtMs: number | undefined;

  constructor(options: SaverOptions) {
    this.#options = options;
    this.#codecs = new CodecLearner({ storeUri: options.world.store.uri });
  }

  /** Commits of this attempt. */
  get commits(): number {
    return this.#commits;
  }

  /** Saves are urgent from now on. */
  get isHurried(): boolean {
    return this.#isHurried;
  }

  runsOn(runtime: Runtime): void {
    this.#runtime = runtime;
  }

  /** The trainer goes on from this checkpoint. */
  restoredFrom(manifest: Manifest): void {
    this.#parent = manifest;
  }

  /**
   * A notice runs: whatever is sent from now on, of the save under way as well, goes by the urgent threads. `noticeAtMs`
   * (monotonic) starts the measurement of notice-to-durable.
   */
  hurry(noticeAtMs: number | undefined): void {
    this.#isHurried = true;
    this.#noticeAtMs = noticeAtMs;
    this.#options.world.transfer.hurry();
  }

  async save(entry: PendingUpload): Promise<SavedCheckpoint> {
    entry.uploading = true;
    let uploaded = await this.#upload(entry, this.#parent);
    let committed: CommittedCheckpoint;
    try {
      committed = await this.#commit(entry, uploaded);
    } catch (error) {
      // The parent was dropped or quarantined meanwhile: its chunks cannot be relied on, so all of them are sent.
      if (!(error instanceof ConflictError)) throw error;
      uploaded = await this.#upload(entry, undefined);
      committed = await this.#commit(entry, uploaded);
    }
    this.#commits += 1;
    this.#parent = uploaded.manifest;
    return { ...committed, bytes: uploaded.bytes };
  }

  #upload(entry: PendingUpload, parent: Manifest | undefined): Promise<UploadedCheckpoint> {
    const { world, claim, signal } = this.#options;
    const { store, clock, random, transfer } = world;
    const { source } = entry;
    const { step, epoch, reason, compatibility, omitted } = source.message;
    const sender = transfer.senderFor(source.bytes) ?? inProcessSender({ store, clock, random });
    const occasion = this.isHurried ? 'emergency' : 'background';
    return uploadCheckpoint({
      store,
      clock,
      random,
      jobId: claim.journal.jobId,
      name: { claim: claim.token, ordinal: ++this.#ordinal, step },
      source,
      parent,
      epoch,
      reason,
      runtime: this.#runtime,
      compatibility,
      omitted,
      sender,
      codec: this.#codecs.chooser({ occasion, lanes: sender.lanes, cores: sender.cores }),
      signal: AbortSignal.any([signal, entry.upload.signal]),
      onProgress: (durableBytes) => {
        entry.durableBytes = durableBytes;
      },
    });
  }

  #commit(entry: PendingUpload, uploaded: UploadedCheckpoint): Promise<CommittedCheckpoint> {
    const { world, claim, keep } = this.#options;
    const { epoch, example, reason, best, why } = entry.source.message;
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
  }
}
