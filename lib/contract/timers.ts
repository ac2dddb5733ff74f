/**
 * The intervals of a region. A region on AWS uses the defaults; the local region may run faster. Ratios are fixed here,
 * so that no setting can break what the protocol rests on (a heartbeat must fit several times into the liveness window).
 */
export interface Timers {
  /** Between two heartbeats of an owner. */
  readonly heartbeatMs: number;
  /** A received ticket stays hidden this long unless renewed. */
  readonly visibilityMs: number;
  /** An owner whose newest claim or heartbeat is older is not live. */
  readonly livenessMs: number;
  /** Between two looks at the journal for operators' requests. */
  readonly requestsPollMs: number;
  /** A ticket is deleted only with a handle renewed within this time. */
  readonly handleTrustMs: number;
  /** Between two polls of the interruption sources. */
  readonly noticePollMs: number;
  /** A gap between two ticks above the expected one that means the machine was frozen. */
  readonly freezeMs: number;
  /** Between two log and metric segments. */
  readonly segmentMs: number;
  /** Long poll of the queue. */
  readonly receiveWaitMs: number;
  /** One ticket is held at most this long before the owner hands over to itself. */
  readonly handoverAfterMs: number;
}

/** Heartbeat 30 s, visibility 120 s, as on AWS. */
export const defaultTimers: Timers = timersFrom({ heartbeatMs: 30_000, visibilityMs: 120_000 });

/** All intervals from the two that a person sets. */
export function timersFrom(base: { readonly heartbeatMs: number; readonly visibilityMs: number }): Timers {
  const { heartbeatMs, visibilityMs } = base;
  return {
    heartbeatMs,
    visibilityMs,
    livenessMs: 3 * heartbeatMs,
    requestsPollMs: heartbeatMs / 2,
    handleTrustMs: 0.75 * visibilityMs,
    noticePollMs: Math.min(1_000, heartbeatMs / 3),
    freezeMs: heartbeatMs,
    segmentMs: heartbeatMs / 2,
    receiveWaitMs: Math.min(20_000, visibilityMs / 2),
    handoverAfterMs: 11 * 3_600_000,
  };
}
