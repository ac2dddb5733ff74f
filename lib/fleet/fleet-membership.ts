/**
 * A worker's place in a fleet that grows and shrinks by itself (EC2 Auto Scaling). Everything here saves work or money;
 * nothing rests on it: a worker whose calls are all refused still trains, commits and hands over.
 *
 * Each method makes its calls once and is safe to repeat. Errors of all methods: `TransientError`, `AccessDeniedError`,
 * `UnfitError`. Whoever calls may log them and go on.
 */
export interface FleetMembership {
  /**
   * Keeps scale-in and the rebalancing of zones away while a job runs. No help against Spot interruptions.
   * @throws TransientError also while the instance is not in service yet
   */
  protect(signal?: AbortSignal): Promise<void>;
  /** Scale-in may take the instance again. Errors as those of `protect`. */
  unprotect(signal?: AbortSignal): Promise<void>;
  /**
   * EC2 is likely to take this instance, and what it worked out is saved. A fleet that has a replacement started by then
   * may end it: `yielded`. Where nothing is started before the end, protection stays as it is: `kept`.
   */
  yieldToReplacement(signal?: AbortSignal): Promise<'yielded' | 'kept'>;
  /**
   * Ends the wait of the terminate hook: everything is handed over. `not-yet`: no hook holds this instance now; the wait
   * begins a while after an instance was told to go.
   */
  completeTermination(signal?: AbortSignal): Promise<'completed' | 'not-yet'>;
  /**
   * Takes this instance out of the fleet and ends it. `replaced`: another one is started in its place, else the fleet
   * shrinks by one. `needed`: the fleet is as small as it may be, and the instance stays. `alone`: it belongs to no fleet,
   * and nobody ends it.
   */
  retire(how: { readonly replaced: boolean }, signal?: AbortSignal): Promise<'retiring' | 'needed' | 'alone'>;
  /** The machine is broken or will not go by itself: it is replaced. */
  reportUnhealthy(signal?: AbortSignal): Promise<void>;
  /** Whether the fleet by now starts its instances from another version of the launch template. */
  isOutdated(signal?: AbortSignal): Promise<boolean>;
  /** Says on the instance what it works on; undefined: nothing. For people only. */
  label(work: Work | undefined, signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** What an instance works on. */
export interface Work {
  readonly jobId: string;
  /** Step of the newest checkpoint. */
  readonly step: number;
}
