import type { Clock } from '../../base/clock.ts';
import { objectKeys } from '../../contract/object-keys.ts';
import type { ObjectStore } from '../../store/object-store.ts';
import { type Check, fail, pass, warn } from './check.ts';

/** Signatures are refused from 15 minutes on: a third of that is no accident any more. */
const [warnMs, failMs] = [30_000, 5 * 60_000];

/** This machine's clock against the store's. The store's tells whole seconds, and the answer takes a while. */
export function checkClock(ports: {
  readonly store: () => Promise<ObjectStore>;
  readonly clock: Clock;
}): Check {
  return {
    name: 'clock',
    after: 'store',
    async run(signal) {
      const store = await ports.store();
      const askedAt = ports.clock.now().getTime();
      const { serverTime } = await store.list(objectKeys.jobs, { limit: 1, signal });
      const answeredAt = ports.clock.now().getTime();
      const theirs = serverTime.getTime();
      const skewMs = theirs < askedAt ? askedAt - theirs : Math.max(0, theirs - answeredAt);
      const way = theirs < askedAt ? 'ahead of' : 'behind';
      const facts = `${Math.round(skewMs / 1_000)} s ${way} the store`;
      const next = 'set the clock (chronyc makestep, or timedatectl set-ntp true)';
      if (skewMs > failMs) return fail(`${facts}; AWS refuses signatures that are 15 minutes off`, next);
      if (skewMs > warnMs) return warn(facts, next);
      return pass('agrees with the store');
    },
  };
}
