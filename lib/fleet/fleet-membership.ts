/**
 * A worker's place in a fleet that grows and shrinks by itself (EC2 Auto Scaling). Everything here saves work or money;
 * nothing rests on it: a worker whose calls are all refused still trains, commits and hands over.
 *
 * Errors of all methods: `TransientError`, `AccessDeniedError`. Whoever calls may log them and go on.
 */
export interface FleetMembership {
  /** Keeps scale-in and the rebalancing of zones away while a job runs. No help against Spot interruptions. */
  protect(signal?: AbortSignal): Promise<void>;
  /** Scale-in may take the instance again. */
  unprotect(signal?: AbortSignal): Promise<void>;
  /** Ends the wait of the terminate hook: everything is handed over. No error where no hook waits. */
  completeTermination(signal?: AbortSignal): Promise<void>;
  /**
   * Takes this instance out and lowers the desired capacity by one. `needed`: the group is at its minimum, and the
   * instance stays.
   */
  retire(signal?: AbortSignal): Promise<'retiring' | 'needed'>;
  /** The machine is broken or will not go by itself: it is replaced. */
  reportUnhealthy(signal?: AbortSignal): Promise<void>;
  /** Whether the group by now starts its instances from another version of the launch template. */
  isOutdated(signal?: AbortSignal): Promise<boolean>;
  /** Says on the instance what it works on; undefined: nothing. For people only. */
  label(
    work: { readonly jobId: string; readonly step: number } | undefined,
    signal?: AbortSignal,
  ): Promise<void>;
  close(): void;
}
