import { workerExitCodes } from '../lib/contract/exit-codes.ts';

/** What the end of a worker means for its instance. */
export type AfterExit =
  /** The instance was told its end: it stays until then, as EC2 leaves it, if it still has to. Its replacement is already under way. */
  | 'stays-until-deadline'
  /** There was nothing to do: given back, and not replaced before jobs wait. */
  | 'drained'
  /** Wrong configuration: the region stops. */
  | 'configuration'
  /** Anything else: given back and replaced. */
  | 'failed';

/** The decision for one exit status; `isNoticed`: an end of the instance was announced, taken back or not. */
export function afterExit(code: number | undefined, isNoticed: boolean): AfterExit {
  if (code === workerExitCodes.configuration) return 'configuration';
  if (isNoticed) return 'stays-until-deadline';
  return code === workerExitCodes.drained ? 'drained' : 'failed';
}

/** How often in a row workers may fail before the region gives up. */
export interface FailureLimits {
  readonly failuresMax: number;
  /** Wait before the first replacement of a failed worker; doubles with each further failure. */
  readonly delayMs: number;
  readonly delayMsMax: number;
  /** A worker that lived this long was no failure to start: counting begins anew. */
  readonly livedMs: number;
}

/** Five failures in a row wait 15 s in all (1 + 2 + 4 + 8): time to read a message, too little to fill a disk with logs. */
export const defaultFailureLimits: FailureLimits = {
  failuresMax: 5,
  delayMs: 1_000,
  delayMsMax: 30_000,
  livedMs: 60_000,
};

/** The wait before the next replacement after `failures` in a row; undefined: give up. */
export function replacementDelayMs(failures: number, limits: FailureLimits): number | undefined {
  if (failures >= limits.failuresMax) return undefined;
  return Math.min(limits.delayMsMax, limits.delayMs * 2 ** (failures - 1));
}
