/** Where the time of a slot went. Every second that a machine was there is in exactly one place. */

export type TimeKind =
  /** Boot, and waiting for the job. */
  | 'starting'
  | 'restoring'
  /** Steps that counted. */
  | 'training'
  /** Steps that had to be done again, or were cut short. */
  | 'lost'
  /** Training stood still for a checkpoint. */
  | 'saving'
  /** Everything was saved, and the machine not yet gone. */
  | 'waiting';

export const timeKinds: readonly TimeKind[] = [
  'training',
  'lost',
  'saving',
  'restoring',
  'starting',
  'waiting',
];

export interface Span {
  readonly kind: TimeKind;
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

export type Seconds = Readonly<Record<TimeKind, number>>;

/** One number for each kind of time. */
export function secondsOf(of: (kind: TimeKind) => number): Record<TimeKind, number> {
  return {
    training: of('training'),
    lost: of('lost'),
    saving: of('saving'),
    restoring: of('restoring'),
    starting: of('starting'),
    waiting: of('waiting'),
  };
}

export class Account {
  readonly #seconds = secondsOf(() => 0);
  readonly #spans: Span[] = [];
  readonly #keepsSpans: boolean;

  constructor(keepsSpans: boolean) {
    this.#keepsSpans = keepsSpans;
  }

  get seconds(): Seconds {
    return this.#seconds;
  }

  /** In order of time; empty unless they were asked for. */
  get spans(): readonly Span[] {
    return this.#spans;
  }

  add(kind: TimeKind, fromSeconds: number, toSeconds: number): void {
    if (toSeconds <= fromSeconds) return;
    this.#seconds[kind] += toSeconds - fromSeconds;
    if (this.#keepsSpans) this.#spans.push({ kind, fromSeconds, toSeconds });
  }

  /** Training that was booked turns out to be lost: so many seconds, the latest of what was trained since. */
  lose(seconds: number, sinceSeconds: number): void {
    this.#seconds.training -= seconds;
    this.#seconds.lost += seconds;
    let left = seconds;
    for (let at = this.#spans.length - 1; at >= 0 && left > 0; at--) {
      const span = this.#spans[at];
      if (span === undefined || span.toSeconds <= sinceSeconds) return;
      if (span.kind !== 'training') continue;
      const split = Math.max(span.fromSeconds, span.toSeconds - left);
      left -= span.toSeconds - split;
      const kept: readonly Span[] = split > span.fromSeconds ? [{ ...span, toSeconds: split }] : [];
      this.#spans.splice(at, 1, ...kept, { ...span, kind: 'lost', fromSeconds: split });
    }
  }
}
