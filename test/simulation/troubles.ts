/**
 * What goes wrong in a history, as a list: drawn from the seed beforehand, so that a history can be told again with some
 * of it left out. What is left out moves nothing else: every process draws its own numbers.
 */

/** A fault of one request, counted within its process. */
export type RequestFault =
  /** Power goes before the request leaves. */
  | 'dies-before'
  /** The request is done, and power goes before its answer comes. */
  | 'dies-after'
  /** 503: nothing was done. */
  | 'unavailable'
  /** 409: nothing was done, and the service says so. Of writes with a condition; else as `unavailable`. */
  | 'refused'
  /** It was done, and the answer was lost. */
  | 'lost-answer'
  /** It is given up for lost, and done later. */
  | 'lands-late'
  /** It is done, and once more later: a connection that was cut sent it twice. */
  | 'repeated-late'
  /** It takes as long as a minute. */
  | 'slow'
  /** Credentials are missing for a moment. */
  | 'denied';

export type Trouble =
  | { readonly kind: 'request'; readonly process: string; readonly nth: number; readonly fault: RequestFault }
  /** Nobody reaches the store, or the queue. */
  | {
      readonly kind: 'outage';
      readonly of: 'store' | 'queue';
      readonly atMs: number;
      readonly forMs: number;
    }
  /** At a moment that is no request's. Times of what befalls a machine count from its start. */
  | { readonly kind: 'death'; readonly process: string; readonly atMs: number }
  | {
      readonly kind: 'freeze';
      readonly process: string;
      readonly atMs: number;
      readonly forMs: number;
      readonly countsTime: boolean;
    }
  | { readonly kind: 'clock-jump'; readonly process: string; readonly atMs: number; readonly byMs: number }
  /** `killedAfterMs` undefined: the notice is withdrawn, and the machine stays. */
  | {
      readonly kind: 'notice';
      readonly process: string;
      readonly atMs: number;
      readonly notice: 'spot' | 'hibernate' | 'lifecycle' | 'signal' | 'rebalance';
      readonly killedAfterMs: number | undefined;
    }
  | {
      readonly kind: 'trainer';
      readonly process: string;
      readonly atMs: number;
      readonly trouble: 'user-error' | 'infrastructure' | 'crash' | 'hang' | 'deaf' | 'abandons';
    }
  | {
      readonly kind: 'ticket';
      readonly atMs: number;
      readonly job: number;
      readonly fault: 'lost' | 'twice' | 'shown';
    }
  | {
      readonly kind: 'operator';
      readonly process: string;
      readonly atMs: number;
      readonly job: number;
      readonly asks: Asks;
      readonly pick: number;
    }
  /** A stored object of a committed checkpoint rots. */
  | { readonly kind: 'bit-rot'; readonly atMs: number; readonly job: number; readonly pick: number };

export type Asks =
  | 'pause'
  | 'resume'
  | 'resume-from'
  | 'cancel'
  | 'retry'
  | 'pin'
  | 'unpin'
  | 'prune'
  | 'fork'
  | 'submit-again'
  | 'verify'
  | 'read';

export function describeTrouble(trouble: Trouble): string {
  const { kind, ...facts } = trouble;
  return `${kind} ${Object.entries(facts)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')}`;
}
