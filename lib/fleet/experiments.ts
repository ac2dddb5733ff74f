/**
 * Rehearsals of faults (AWS Fault Injection Service): an experiment is started from a template that the stack made.
 *
 * Errors of all methods: `TransientError`, `AccessDeniedError`, `NotFoundError` (no such template), `UnfitError`.
 */
export interface Experiments {
  /** @param start.token makes a repeated call start nothing anew */
  start(
    start: { readonly templateId: string; readonly token: string },
    signal?: AbortSignal,
  ): Promise<Experiment>;
  read(id: string, signal?: AbortSignal): Promise<Experiment>;
}

export interface Experiment {
  readonly id: string;
  /** `pending`, `initiating`, `running`, `completed`, `stopping`, `stopped`, `failed`, `cancelled`. */
  readonly status: string;
  /** Why it failed, in AWS's words. */
  readonly reason: string;
}
