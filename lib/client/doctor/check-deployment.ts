import type { WorkerGroup } from '../../fleet/worker-groups.ts';
import type { Deployment } from '../../contract/deployment.ts';
import { type Check, fail, pass, warn } from './check.ts';

/** The deployment file against what stands: a stack that was removed or replaced leaves its file behind. */
export function checkDeployment(
  deployment: Deployment,
  ports: {
    readonly groups: (names: readonly string[], signal: AbortSignal) => Promise<readonly WorkerGroup[]>;
  },
): Check {
  const { workersGroup, onDemandGroup, stack } = deployment;
  return {
    name: 'deployment',
    after: 'credentials',
    async run(signal) {
      if (workersGroup === undefined)
        return warn(
          'the deployment file names a store and a queue, but no machines',
          'deploy again with `holdfast up`, which writes it anew',
        );
      const names = onDemandGroup === undefined ? [workersGroup] : [workersGroup, onDemandGroup];
      const standing = new Set((await ports.groups(names, signal)).map(({ name }) => name));
      const gone = names.filter((name) => !standing.has(name));
      if (gone.length > 0)
        return fail(
          `${gone.join(' and ')} of the deployment file ${gone.length === 1 ? 'does' : 'do'} not exist`,
          'deploy again with `holdfast up`; check that account and region are those of the deployment',
        );
      return pass(`${stack ?? 'the deployment'} stands: ${names.join(', ')}`);
    },
  };
}
