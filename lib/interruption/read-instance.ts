import { TransientError } from '../base/errors.ts';
import type { Instance } from '../contract/journal-entry.ts';
import type { ImdsClient } from './imds-client.ts';

/**
 * The instance that this process runs on: id, type and Availability Zone.
 * @throws TransientError when IMDS cannot be read, or does not know what every instance has
 */
export async function readInstance(client: ImdsClient, signal?: AbortSignal): Promise<Instance> {
  const read = async (path: string): Promise<string> => {
    const answer = await client.get(`meta-data/${path}`, signal);
    if (answer === undefined) {
      throw new TransientError(`IMDS at ${client.endpoint} does not know its instance.`, { facts: { path } });
    }
    return answer.body.trim();
  };
  const [id, type, zone] = await Promise.all([
    read('instance-id'),
    read('instance-type'),
    read('placement/availability-zone'),
  ]);
  return { id, type, zone };
}
