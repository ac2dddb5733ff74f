import type { QueueSettings } from '../../fleet/storage-settings.ts';
import { type Check, pass, warn } from './check.ts';

/** SQS's longest, and what a job that waits for capacity for days needs. */
const retentionSecondsWanted = 14 * 86_400;
/** The journal counts failures; the queue's own count must only catch what nobody can read. */
const receivesMin = 1_000;

/**
 * Settings of the queue on which tickets rest.
 * @param options.visibilityMs how long a worker of this region hides a ticket that it renews
 */
export function checkQueue(
  read: (signal: AbortSignal) => Promise<QueueSettings>,
  { visibilityMs, after }: { readonly visibilityMs: number; readonly after?: string | undefined },
): Check {
  return {
    name: 'queue',
    ...(after === undefined ? {} : { after }),
    async run(signal) {
      const settings = await read(signal);
      const { visibilitySeconds, retentionSeconds, deadLetterArn, maxReceiveCount = 0 } = settings;
      const faults = [
        ...(visibilitySeconds * 1_000 < visibilityMs
          ? [`hides a message for ${visibilitySeconds} s instead of ${visibilityMs / 1_000} s`]
          : []),
        ...(retentionSeconds < retentionSecondsWanted
          ? [`keeps a message for ${Math.floor(retentionSeconds / 86_400)} days instead of 14`]
          : []),
        ...(deadLetterArn === undefined ? ['has no queue of dead letters'] : []),
        ...(deadLetterArn !== undefined && maxReceiveCount < receivesMin
          ? [`gives a message up after ${maxReceiveCount} receives: preempted jobs would lose their tickets`]
          : []),
      ];
      if (faults.length > 0)
        return warn(
          `the queue ${faults.join(', ')}`,
          'let `holdfast up` make a queue, or set its attributes in the SQS console',
        );
      return pass(
        `${settings.visible} tickets wait, ${settings.inFlight} in the hands of workers; settings as they should be`,
      );
    },
  };
}
