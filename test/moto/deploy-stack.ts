import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Deployment } from '../../lib/contract/deployment.ts';
import { deploymentsOf, parseStackOutputs } from '../../lib/contract/stack-outputs.ts';
import { root } from '../support/house/source-tree.ts';
import { type Cloud, cloudAccount, cloudRegion } from './cloud.ts';
import { mustRun } from './run-process.ts';

/** An image that moto knows; the Deep Learning image of the default is none of them. */
const imageId = 'ami-12c6146b';

/**
 * Bootstraps the account and deploys the app of this repository with the pinned CDK, as `npx cdk deploy` does: the very
 * template that AWS would be given.
 */
export async function deployStack(cloud: Cloud): Promise<Deployment> {
  const cdk = join(root, 'node_modules', '.bin', 'cdk');
  const outputs = join(cloud.dir, 'outputs.json');
  const options = { cwd: root, env: cloud.environment('calm') };
  const assembly = ['--output', join(cloud.dir, 'cdk.out')] as const;
  await mustRun(
    [cdk, 'bootstrap', `aws://${cloudAccount}/${cloudRegion}`, '--no-notices', ...assembly],
    options,
  );
  await mustRun(
    [
      cdk,
      'deploy',
      '--no-notices',
      '--method=direct',
      '--require-approval',
      'never',
      '-c',
      `imageId=${imageId}`,
      '--outputs-file',
      outputs,
      ...assembly,
    ],
    options,
  );
  const stacks = parseStackOutputs(JSON.parse(await readFile(outputs, 'utf8'))) ?? [];
  const [deployment, another] = stacks.flatMap((stack) => deploymentsOf(stack));
  if (deployment === undefined || another !== undefined)
    throw new Error(`one deployment was expected: ${JSON.stringify(stacks)}`);
  return deployment;
}
