import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { deploymentOutputs } from '../lib/contract/deployment.ts';

/**
 * What later commands need to know, as outputs of the stack under the names of the contract. They stand directly below the
 * stack, so that their names are exactly these: a stack holds one fleet that says so.
 */
export function addDeploymentOutputs(
  scope: Construct,
  values: Readonly<Partial<Record<keyof typeof deploymentOutputs, string>>>,
): void {
  const stack = Stack.of(scope);
  for (const [key, value] of Object.entries(values))
    if (isOutput(key)) new CfnOutput(stack, deploymentOutputs[key], { value });
}

function isOutput(key: string): key is keyof typeof deploymentOutputs {
  return key in deploymentOutputs;
}
