import type { ImdsReader } from './imds-client.ts';
import type { NoticeSource } from './notice-source.ts';

/**
 * What Auto Scaling is about to make of the instance. Only the exact word `Terminated` ends anything: `InService`, `Standby`,
 * `Detached` and the `Warmed:` states leave the instance running.
 */
export function targetLifecycleState(client: ImdsReader): NoticeSource {
  return {
    name: 'autoscaling/target-lifecycle-state',
    async poll(signal) {
      const answer = await client.get('meta-data/autoscaling/target-lifecycle-state', signal);
      return answer?.body === 'Terminated'
        ? { kind: 'target-lifecycle-state', state: 'Terminated' }
        : undefined;
    },
  };
}
