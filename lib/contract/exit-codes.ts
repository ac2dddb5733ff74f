/** What `holdfast` commands end with; stable. */
export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  credentials: 4,
  conflict: 5,
  checkFailed: 6,
  jobFailed: 100,
  notFinished: 101,
  jobCancelled: 103,
  interrupted: 130,
} as const;

/** What a worker (supervisor) ends with; the service unit restarts on neither 75 nor 78. */
export const workerExitCodes = { drained: 0, handedOver: 75, configuration: 78, fault: 70 } as const;
