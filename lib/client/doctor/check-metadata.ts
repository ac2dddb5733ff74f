import type { Instance } from '../../contract/journal-entry.ts';
import { type Check, pass } from './check.ts';

/** Whether notices can be heard: only where this machine is an instance, or somebody names a metadata service. */
export function checkMetadata(read: (signal: AbortSignal) => Promise<Instance>): Check {
  return {
    name: 'metadata',
    async run(signal) {
      const { id, type, zone } = await read(signal);
      return pass(`this machine is ${id}, ${type} in ${zone}`);
    },
  };
}
