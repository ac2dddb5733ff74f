import type { Instance } from '../lib/contract/journal-entry.ts';

/** What happens to the instances of a local region, for timelines. `at` is the wall clock's time. */
export type MarketEvent = { readonly at: Date } & (
  | {
      readonly kind: 'instance-started';
      readonly instance: Instance;
      readonly pid: number;
      readonly logFile: string;
    }
  | { readonly kind: 'rebalance-recommended'; readonly instanceId: string }
  | {
      readonly kind: 'notice';
      readonly instanceId: string;
      readonly action: 'terminate' | 'stop' | 'hibernate';
      readonly noticeMs: number;
    }
  /** The worker ended without our doing; the instance is still there. `code` null: something else killed the whole instance. */
  | { readonly kind: 'exited'; readonly instanceId: string; readonly code: number | null }
  /** Nothing of the instance runs any more. */
  | { readonly kind: 'killed'; readonly instanceId: string; readonly why: KillReason }
  | { readonly kind: 'stopped'; readonly end: MarketEnd }
);

export type KillReason =
  /** The deadline of its notice. */
  | 'deadline'
  /** Without any notice. */
  | 'no-notice'
  /** Its worker had ended, so the machine is given back. */
  | 'worker-ended'
  /** The whole region stops. */
  | 'region-stopped';

/** Why a market starts no more instances. */
export type MarketEnd =
  | { readonly reason: 'disposed' }
  /** A worker said that its configuration is wrong; every replacement would say the same. */
  | { readonly reason: 'configuration'; readonly message: string }
  | { readonly reason: 'workers-keep-failing'; readonly message: string }
  | { readonly reason: 'fault'; readonly message: string; readonly error: unknown };

type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;
export type MarketFact = WithoutTime<MarketEvent>;
