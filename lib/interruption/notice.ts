/** What can end or threaten an instance; AWS's words as AWS writes them. */
export type Notice =
  /** EC2 takes the Spot instance back. `remainingMs` is measured against the `Date` of the same answer; 0 for hibernate, which gives no time. */
  | {
      readonly kind: 'spot-interruption';
      readonly action: 'terminate' | 'stop' | 'hibernate';
      readonly at: Date;
      readonly remainingMs: number;
    }
  /** Elevated risk; may precede or accompany the notice. Not a reason to stop. */
  | { readonly kind: 'rebalance-recommendation'; readonly noticedAt: Date }
  /** Auto Scaling is about to terminate the instance (scale-in, refresh, zone rebalancing). */
  | { readonly kind: 'target-lifecycle-state'; readonly state: 'Terminated' }
  /** EC2 will stop, reboot or retire the host. */
  | {
      readonly kind: 'scheduled-maintenance';
      readonly code: string;
      readonly eventId: string;
      readonly notBefore: Date;
      readonly remainingMs: number;
    }
  /** Somebody stops the worker: systemd, a shutdown, Ctrl-C. */
  | { readonly kind: 'process-signal'; readonly signal: 'SIGTERM' | 'SIGINT' };

/** A notice after which the worker hands over; a rebalance recommendation only asks for a checkpoint. */
export type StopNotice = Exclude<Notice, { kind: 'rebalance-recommendation' }>;

export function isStopNotice(notice: Notice): notice is StopNotice {
  return notice.kind !== 'rebalance-recommendation';
}
