import type { StopNotice } from './notice.ts';

/** How much time there is after notices that name none. */
export interface StopGrace {
  readonly targetLifecycleStateMs: number;
  readonly sigtermMs: number;
  readonly sigintMs: number;
}

/**
 * Two minutes, as for a Spot interruption: the terminate hook of the fleet holds longer than that, and the service unit
 * waits this long after SIGTERM (TimeoutStopSec=120).
 */
export const defaultStopGrace: StopGrace = {
  targetLifecycleStateMs: 120_000,
  sigtermMs: 120_000,
  sigintMs: 120_000,
};

/** Milliseconds from the reading of a notice until the machine or the process may be gone. */
export function stopTimeMs(notice: StopNotice, grace: StopGrace): number {
  if (notice.kind === 'target-lifecycle-state') return grace.targetLifecycleStateMs;
  if (notice.kind === 'process-signal') return notice.signal === 'SIGTERM' ? grace.sigtermMs : grace.sigintMs;
  return notice.remainingMs;
}
