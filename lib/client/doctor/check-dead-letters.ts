import type { DeadLetterList } from '../dead-letters.ts';
import { type Check, pass, skip, warn } from './check.ts';

/** Messages that no worker could read wait for a person. */
export function checkDeadLetters(list: () => Promise<DeadLetterList | undefined>): Check {
  return {
    name: 'dead-letters',
    after: 'queue',
    async run() {
      const found = await list();
      if (found === undefined) return skip('the queue keeps none');
      const { deadLetters, isComplete } = found;
      const [newest] = deadLetters;
      if (newest === undefined) return pass('none');
      const count = `${deadLetters.length}${isComplete ? '' : ' or more'}`;
      return warn(
        `${count} wait; the newest: ${newest.reason ?? 'received too often'}`,
        '`holdfast ls --dead-letters` lists them, `holdfast retry --dead-letter ID` sends one again',
      );
    },
  };
}
