import type { FakeRequest } from './exchange.ts';

/** What goes wrong with one request. */
export type Fault =
  /** The operation is done, then the connection is cut before a byte of the answer. */
  | { readonly kind: 'lost-answer' }
  /** The connection is cut after `afterBytes` of the request's body; nothing is done. */
  | { readonly kind: 'cut-request'; readonly afterBytes: number }
  /** The operation is done; the head of the answer and `afterBytes` of its body arrive. */
  | { readonly kind: 'cut-answer'; readonly afterBytes: number }
  /** As `cut-answer`, but the connection stays open and silent. */
  | { readonly kind: 'stalled-answer'; readonly afterBytes: number }
  /** An error in the words of the service; nothing is done. */
  | {
      readonly kind: 'refuse';
      readonly status: number;
      readonly code: string;
      readonly message?: string;
      /** Where the bucket is, as S3 says in the wrong place. */
      readonly bucketRegion?: string;
    }
  /** A page of a proxy in between; nothing is done. */
  | { readonly kind: 'page'; readonly status: number; readonly html: string }
  /** DeleteObjects answers 200 and an error for each key; nothing is done. */
  | { readonly kind: 'refuse-keys'; readonly code: string }
  /** CopyObject answers 200, and then an error in the body; nothing is done. */
  | { readonly kind: 'refuse-in-success'; readonly code: string }
  /** The operation is done `ms` later. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** The request is read and never answered. */
  | { readonly kind: 'silent' };

export const conflict: Fault = { kind: 'refuse', status: 409, code: 'ConditionalRequestConflict' };
export const slowDown: Fault = { kind: 'refuse', status: 503, code: 'SlowDown' };
export const accessDenied: Fault = { kind: 'refuse', status: 403, code: 'AccessDenied' };
export const lostAnswer: Fault = { kind: 'lost-answer' };

export interface FaultRule {
  readonly fault: Fault;
  /** Every operation when absent. */
  readonly operation?: string;
  readonly key?: string | RegExp;
  /** Requests that match but pass unharmed first. */
  readonly skip?: number;
  /** How often it strikes; 1 when absent. */
  readonly times?: number;
}

/** Which requests fail, in the order in which they arrive. */
export class FaultScript {
  #rules: { readonly rule: FaultRule; skip: number; times: number }[] = [];
  #storm: ((request: FakeRequest) => Fault | undefined) | undefined;

  add(rule: FaultRule): void {
    this.#rules.push({ rule, skip: rule.skip ?? 0, times: rule.times ?? 1 });
  }

  /** Asked for each request that no rule meets; drive it by a seeded generator. */
  storm(decide: (request: FakeRequest) => Fault | undefined): void {
    this.#storm = decide;
  }

  clear(): void {
    this.#rules = [];
    this.#storm = undefined;
  }

  next(request: FakeRequest): Fault | undefined {
    for (const entry of this.#rules) {
      if (entry.times === 0 || !matches(entry.rule, request)) continue;
      if (entry.skip > 0) {
        entry.skip -= 1;
        continue;
      }
      entry.times -= 1;
      return entry.rule.fault;
    }
    return this.#storm?.(request);
  }
}

function matches({ operation, key }: FaultRule, request: FakeRequest): boolean {
  if (operation !== undefined && operation !== request.operation) return false;
  if (key === undefined) return true;
  return typeof key === 'string' ? key === request.key : key.test(request.key);
}
