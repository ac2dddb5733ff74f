import type { Clock } from '../lib/base/clock.ts';
import { messageOf } from '../lib/base/errors.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import { retry, type RetryLimits } from '../lib/base/retry.ts';
import type { FleetMembership } from '../lib/fleet/fleet-membership.ts';
import { FleetPlace } from './fleet-place.ts';

export interface GiveBackOptions {
  readonly membership: FleetMembership;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** For the report. */
  readonly limits: RetryLimits;
}

/** From the report of an unhealthy instance until the group ends it: it looks every minute or so. */
const endPatienceMs = 600_000;

/**
 * Has the fleet replace an instance that nobody works on any more, and ends the wait of its terminate hook: nothing is
 * left to hand over.
 * @throws AccessDeniedError, TransientError when the report is not taken
 */
export async function giveBack(options: GiveBackOptions): Promise<void> {
  const { membership, log, ...retrying } = options;
  await using place = new FleetPlace(options);
  await retry(() => membership.reportUnhealthy(), {
    ...retrying,
    onRetry: (error, attempt) => log.warn('report-failed', { attempt, message: messageOf(error) }),
  });
  log.info('instance-reported');
  await place.completeTermination({ patienceMs: endPatienceMs });
}
