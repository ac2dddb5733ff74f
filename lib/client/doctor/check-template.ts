import type { WorkerGroup } from '../../fleet/worker-groups.ts';
import { type Check, pass, skip, warn } from './check.ts';

/** Machines that were started from an older version of the launch template than the group's. */
export function checkTemplate(group: (signal: AbortSignal) => Promise<WorkerGroup | undefined>): Check {
  return {
    name: 'template',
    after: 'deployment',
    async run(signal) {
      const found = await group(signal);
      if (found === undefined) return skip('there is no group');
      const { templateVersion, machines } = found;
      if (templateVersion === undefined) return skip('the group names no version of its launch template');
      const old = machines.filter(
        (machine) => machine.templateVersion !== undefined && machine.templateVersion !== templateVersion,
      );
      if (old.length === 0) return pass(`version ${templateVersion} everywhere`);
      return warn(
        `${old.length} of ${machines.length} machines run an older version than ${templateVersion}: ${old.map(({ id }) => id).join(', ')}`,
        'nothing: each goes when its job is done, and its replacement is of the new version',
      );
    },
  };
}
