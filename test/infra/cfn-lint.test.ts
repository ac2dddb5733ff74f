import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duration, type Stack, aws_kms as kms } from 'aws-cdk-lib';
import { expect, it } from 'vitest';
import type { SpotTrainingProps } from '../../infra/spot-training-props.ts';
import { aFleetStack } from '../support/fleet-stack.ts';
import { tempDir } from '../support/temp-dir.ts';

const isInstalled = spawnSync('cfn-lint', ['--version']).status === 0;

/** Dependencies that the CDK adds beside references say the same twice: the one finding that is not ours to mend. */
const redundantDependency = 'W3005';

const templates = {
  plain: () => aFleetStack().template.toJSON(),
  everything: () => {
    const props = (stack: Stack): SpotTrainingProps => ({
      instanceRequirements: {},
      onDemandFallback: { after: Duration.minutes(30) },
      capacityRebalance: true,
      encryptionKey: new kms.Key(stack, 'Key'),
      deleteDataWithStack: true,
      sessionManager: true,
      runtime: 'container',
    });
    return aFleetStack(props).template.toJSON();
  },
  wrong: () => ({ Resources: { Wrong: { Type: 'AWS::SQS::Queue', Properties: { Colour: 'red' } } } }),
};

/** A second opinion by the linter that knows CloudFormation's own schemas, where it is installed. */
it.skipIf(!isInstalled)(
  'finds nothing in the fleet by cfn-lint, which would find an unknown property',
  () => {
    const dir = tempDir();
    // All in one run: loading the schemas takes longer than using them.
    const files = Object.entries(templates).map(([name, template]) => {
      writeFileSync(join(dir, `${name}.json`), JSON.stringify(template()));
      return join(dir, `${name}.json`);
    });
    const options = ['--format', 'parseable', '--ignore-checks', redundantDependency];
    const { stdout, stderr } = spawnSync('cfn-lint', [...options, '--', ...files], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], AWS_DEFAULT_REGION: 'us-east-1' },
    });
    expect(stderr).toBe('');
    const findings = stdout.trim().split('\n');
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatch(/wrong\.json:.*'Colour' was unexpected/);
  },
);
