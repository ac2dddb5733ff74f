/**
 * What an instance's worker is told by its environment: the stack writes these variables into the boot script, the worker
 * reads them. They are the same names that a person may set for `holdfast worker`.
 */
export const workerEnvironment = {
  store: 'HOLDFAST_STORE',
  queue: 'HOLDFAST_QUEUE',
  /** Scratch space: downloads, restored checkpoints; on NVMe where there is some. */
  workDir: 'HOLDFAST_WORK_DIR',
  heartbeatMs: 'HOLDFAST_HEARTBEAT_MS',
  visibilityMs: 'HOLDFAST_VISIBILITY_MS',
  /** After this many ms without a job the worker retires its instance. */
  idleExitMs: 'HOLDFAST_IDLE_EXIT_MS',
  /** Name of the Auto Scaling group that the instance belongs to; without it the worker is on its own. */
  autoScalingGroup: 'HOLDFAST_AUTO_SCALING_GROUP',
  /** `required`: a machine whose GPU does not answer takes no work. */
  gpu: 'HOLDFAST_GPU',
  /** Names the libraries that the machine computes with: GPU code is kept for the very same ones. */
  runtime: 'HOLDFAST_RUNTIME',
} as const;

/** The lifecycle hook that holds a terminating instance until its worker has handed over. */
export const terminateHookName = 'holdfast-hand-over';

/** Tags that a worker keeps up to date on its own instance, for people and for the CLI. */
export const instanceTags = { job: 'holdfast:job', step: 'holdfast:step' } as const;

/**
 * Marks the one instance that a rehearsal interrupts: the experiment template aims at instances with this tag, and the CLI
 * sets it before it starts the experiment and takes it off afterwards.
 */
export const interruptTag = { key: 'holdfast:interrupt', value: 'true' } as const;
