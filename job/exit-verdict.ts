import { workerExitCodes } from '../lib/contract/exit-codes.ts';

/** What the end of a worker means for its instance. */
export type ExitVerdict =
  /** Nothing: the worker was done, and what becomes of the machine is decided. */
  | { readonly kind: 'leave' }
  /** An instance that is still there after this long is of no use: the fleet replaces it. */
  | { readonly kind: 'report'; readonly afterMs: number; readonly why: string };

/** As systemd tells the unit that it starts when the worker's has failed for good (systemd.exec, `MONITOR_…`). */
export interface ServiceEnd {
  /** `exit-code`, `signal`, `oom-kill`, `start-limit-hit`, … */
  readonly result: string;
  /** The exit code in digits, or the name of a signal. */
  readonly status: string;
}

/** A notice leaves two minutes; an instance that is there three minutes later was not taken. */
const afterHandOverMs = 120_000 + 180_000;
/** A wrong setting is as wrong on the next instance: time for a person to look at this one, and no rush of new ones. */
const afterConfigurationMs = 600_000;
/** As the boot waits before it gives up: the last lines reach the log, and machines that fail at once come slowly. */
const afterFailureMs = 120_000;

/** The decision for one end of the worker's service. Whatever is not known to be good is a failure. */
export function exitVerdict({ result, status }: ServiceEnd): ExitVerdict {
  switch (status) {
    case String(workerExitCodes.drained):
      return result === 'success'
        ? { kind: 'leave' }
        : { kind: 'report', afterMs: afterFailureMs, why: `the service ended by ${result}` };
    case String(workerExitCodes.handedOver):
      return { kind: 'report', afterMs: afterHandOverMs, why: 'the instance outlived its announced end' };
    case String(workerExitCodes.configuration):
      return { kind: 'report', afterMs: afterConfigurationMs, why: 'the worker refuses its configuration' };
    default:
      return {
        kind: 'report',
        afterMs: afterFailureMs,
        why: `the worker ended with ${status === '' ? 'no status' : status} (${result})`,
      };
  }
}
