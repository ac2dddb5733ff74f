import { type Deferred, deferred } from '../lib/base/deferred.ts';
import type { CheckpointRecord } from '../lib/journal/job-state.ts';

/** What came of a checkpoint that the supervisor asked for. */
export type RequestAnswer =
  | { readonly outcome: 'committed'; readonly record: CheckpointRecord }
  | { readonly outcome: 'given-up'; readonly why: string };

/** What became of the checkpoints of one attempt, and who waits to hear it. The trainer names them by ids. */
export class CheckpointAnswers {
  /** The trainer may answer `unchanged`, or be done, with one that is long known. */
  readonly #known = new Map<string, RequestAnswer>();
  readonly #asked = new Map<string, Deferred<RequestAnswer>>();
  readonly #isOnItsWay: (id: string) => boolean;
  #requests = 0;

  constructor(isOnItsWay: (id: string) => boolean) {
    this.#isOnItsWay = isOnItsWay;
  }

  /** A new request with an id of its own. */
  ask(): { readonly id: string; readonly answer: Promise<RequestAnswer> } {
    const id = `s${++this.#requests}`;
    const answer = deferred<RequestAnswer>();
    this.#asked.set(id, answer);
    return { id, answer: answer.promise };
  }

  /** The trainer goes on from this checkpoint, which it calls `restored`. */
  restored(record: CheckpointRecord): void {
    this.#known.set('restored', { outcome: 'committed', record });
  }

  answer(id: string, answer: RequestAnswer): void {
    this.#known.set(id, answer);
    this.#asked.get(id)?.resolve(answer);
    this.#asked.delete(id);
  }

  wasCommitted(id: string): boolean {
    return this.#known.get(id)?.outcome === 'committed';
  }

  /** What `id` asks for is what the trainer calls `as`. */
  alias(id: string, as: string): void {
    const answer = this.#asked.get(id);
    if (answer === undefined) return;
    this.#asked.delete(id);
    if (as === 'fresh') {
      answer.resolve({ outcome: 'given-up', why: 'nothing has been trained yet' });
      return;
    }
    void this.of(as).then((same) => answer.resolve(same));
  }

  /** One that is not on its way will never be: whoever waited for it would wait for ever. */
  of(id: string): Promise<RequestAnswer> {
    const known = this.#known.get(id);
    if (known !== undefined) return Promise.resolve(known);
    const asked = this.#asked.get(id);
    if (asked === undefined && !this.#isOnItsWay(id))
      return Promise.resolve({ outcome: 'given-up', why: `the trainer never staged the checkpoint ${id}` });
    const answer = asked ?? deferred<RequestAnswer>();
    this.#asked.set(id, answer);
    return answer.promise;
  }

  /** The trainer is gone: what is not on its way by now never comes. */
  trainerGone(): void {
    for (const [id, answer] of this.#asked) {
      if (!this.#isOnItsWay(id)) answer.resolve({ outcome: 'given-up', why: 'the trainer has ended' });
    }
  }
}
