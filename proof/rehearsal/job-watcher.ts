import { UnfitError } from '../../lib/base/errors.ts';
import type { Region } from '../../lib/client/region.ts';
import type { JournalEntry } from '../../lib/contract/journal-entry.ts';
import { objectKeys, parseCheckpointId } from '../../lib/contract/object-keys.ts';
import { type Heartbeat, readHeartbeat } from '../../lib/journal/heartbeat.ts';
import type { JobState } from '../../lib/journal/job-state.ts';
import { type Journal, openJournal } from '../../lib/journal/journal.ts';

/** A job at one moment, as anybody can see it from outside. */
export interface Look {
  readonly state: JobState;
  readonly heartbeat: Heartbeat | undefined;
}

/** Looks at a job through its store alone, as `holdfast watch` does; knows nothing of the inside of a worker. */
export class JobWatcher {
  readonly #region: Region;
  readonly #journal: Journal;
  readonly #onLook: (look: Look) => void;
  /** Aborted when nobody wants to know any more. */
  readonly signal: AbortSignal;

  private constructor(journal: Journal, options: WatchOptions) {
    this.#journal = journal;
    this.#region = options.region;
    this.#onLook = options.onLook;
    this.signal = options.signal;
  }

  static async open(jobId: string, options: WatchOptions): Promise<JobWatcher> {
    return new JobWatcher(await openJournal(options.region, jobId), options);
  }

  get journal(): Journal {
    return this.#journal;
  }

  /** The whole history. */
  async entries(): Promise<JournalEntry[]> {
    const entries: JournalEntry[] = [];
    for await (const entry of this.#journal.entries()) entries.push(entry);
    return entries;
  }

  async look(): Promise<Look> {
    const state = await this.#journal.refresh();
    const heard =
      state.newestClaim === 0
        ? undefined
        : await readHeartbeat(this.#region.store, state.jobId, state.newestClaim);
    const look = { state, heartbeat: heard?.heartbeat };
    this.#onLook(look);
    return look;
  }

  /**
   * Looks until `found` finds something.
   * @throws UnfitError when the job ended before, or the time is over
   */
  async until<Found>(what: string, found: (look: Look) => Found | undefined): Promise<Found> {
    for (;;) {
      this.signal.throwIfAborted();
      const look = await this.look();
      const result = found(look);
      if (result !== undefined) return result;
      const { end } = look.state;
      if (end !== null) {
        throw new UnfitError(
          `the job ended (${end.kind}: ${end.message || end.reason}) before this was seen: ${what}.`,
          {
            hint: 'On a very fast machine the job may be over too soon: run it again.',
          },
        );
      }
      await this.#region.clock.sleep(100, this.signal);
    }
  }

  /** Waits for a checkpoint of this claim of which a chunk is there and the journal entry is not; its id. */
  async untilUploading(claim: number): Promise<string> {
    for (;;) {
      this.signal.throwIfAborted();
      const id = await this.#uploading(claim);
      if (id !== undefined) return id;
      if (this.#journal.state.end !== null || this.#journal.state.newestClaim !== claim) {
        throw new UnfitError('the attempt ended before one of its uploads was seen.', { facts: { claim } });
      }
      await this.#region.clock.sleep(10, this.signal);
    }
  }

  async #uploading(claim: number): Promise<string | undefined> {
    const { jobId } = this.#journal;
    const prefix = objectKeys.checkpoints(jobId);
    const { objects } = await this.#region.store.list(prefix);
    const ids = new Set(objects.map(({ key }) => key.slice(prefix.length).split('/')[0] ?? ''));
    const ours = [...ids].filter((id) => parseCheckpointId(id)?.claim === claim);
    // The journal is read after the chunks: what it does not know now was not committed when we saw them.
    const state = await this.#journal.peek();
    return ours.find((id) => !state.checkpoints.some((record) => record.id === id) && isNewest(id, state));
  }
}

interface WatchOptions {
  readonly region: Region;
  readonly signal: AbortSignal;
  readonly onLook: (look: Look) => void;
}

/** A dropped checkpoint leaves the state too, and its chunks linger for a moment: only one beyond the newest is on its way. */
function isNewest(id: string, state: JobState): boolean {
  const name = parseCheckpointId(id);
  const newest = state.checkpoints.findLast((record) => record.claim === name?.claim);
  return name !== undefined && (newest === undefined || name.ordinal > newest.ordinal);
}
