import { z } from 'zod';
import { remedyOf } from '../base/errors.ts';
import { objectKeys } from '../contract/object-keys.ts';
import { currentFormat, encodeDocument, parseDocument } from '../contract/parse-document.ts';
import { foldVersion } from './fold.ts';
import type { JobState } from './job-state.ts';
import { jobStateSchema } from './job-state-schema.ts';
import { type ReadOptions, type ReadPorts, retrying, withSignal } from './read.ts';

/**
 * What `state.json` holds: the state after slot `sequence`, whose entry has the ETag `etag`. A shortcut, never the truth:
 * a reader believes it only for a slot that the store shows with that ETag, and folds every later slot itself.
 */
const hintSchema = z.object({
  format: z.literal(currentFormat),
  foldVersion: z.literal(foldVersion),
  sequence: z.int().positive(),
  etag: z.string().min(1),
  state: jobStateSchema,
});

export interface Hint {
  readonly sequence: number;
  /** Of the entry in that slot, not of the hint. */
  readonly etag: string;
  readonly state: JobState;
}

export class HintFile {
  readonly #ports: ReadPorts;
  readonly #jobId: string;
  readonly #key: string;
  /** ETag of the hint as it lies in the store; null when there is none, undefined when that is not known. */
  #etag: string | null | undefined;

  constructor(ports: ReadPorts, jobId: string) {
    this.#ports = ports;
    this.#jobId = jobId;
    this.#key = objectKeys.stateHint(jobId);
  }

  /** The hint, or undefined when there is none that this Holdfast can use. */
  async read({ signal }: ReadOptions): Promise<Hint | undefined> {
    const { store, serverClock } = this.#ports;
    const stored = await retrying(this.#ports, signal, async () => store.get(this.#key, withSignal(signal)));
    this.#etag = stored?.etag ?? null;
    if (stored === undefined) return undefined;
    serverClock.observe(stored.serverTime);
    return this.#parse(stored.body);
  }

  #parse(body: Uint8Array): Hint | undefined {
    try {
      const hint = parseDocument(hintSchema, body, { what: 'state hint', at: this.#key });
      const { sequence, etag, state } = hint;
      return state.jobId === this.#jobId && state.sequence === sequence
        ? { sequence, etag, state }
        : undefined;
    } catch (error) {
      // Damaged, of another fold, or of a newer Holdfast: the journal tells everything that the hint would have told.
      const remedy = remedyOf(error);
      if (remedy === 'fall-back' || remedy === 'yield') return undefined;
      throw error;
    }
  }

  /**
   * Leaves a hint for the next reader, after an append. It never fails and is never tried again, which is safe: a reader
   * checks the hint against its slot and folds what follows, so that a stale hint costs a reader some requests and a
   * missing one a full fold, but neither changes a state. A hint of ours that lands late is refused by its condition
   * or is merely stale.
   */
  async write(hint: Hint, { signal }: ReadOptions): Promise<void> {
    const known = this.#etag;
    this.#etag = undefined;
    try {
      const current = known === undefined ? await this.#etagToReplace(hint, signal) : known;
      if (current !== undefined) this.#etag = await this.#put(hint, current, signal);
    } catch {
      // See above: nothing rests on it, and the append that it follows stands already.
    }
  }

  /** ETag of what lies there now, null for nothing, undefined when it knows as much as we do. */
  async #etagToReplace(hint: Hint, signal: AbortSignal | undefined): Promise<string | null | undefined> {
    const there = await this.#ports.store.get(this.#key, withSignal(signal));
    if (there === undefined) return null;
    const parsed = this.#parse(there.body);
    return parsed !== undefined && parsed.sequence >= hint.sequence ? undefined : there.etag;
  }

  async #put(
    hint: Hint,
    current: string | null,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const { store } = this.#ports;
    const body = encodeDocument({ format: currentFormat, foldVersion, ...hint });
    const options = withSignal(signal);
    const result =
      current === null
        ? await store.createIfAbsent(this.#key, body, options)
        : await store.replaceIfMatch(this.#key, body, { ...options, etag: current });
    return result.outcome === 'created' || result.outcome === 'replaced' ? result.etag : undefined;
  }
}
