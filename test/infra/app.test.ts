import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import cdkJson from '../../cdk.json' with { type: 'json' };
import { root } from '../support/house/source-tree.ts';
import { tempDir } from '../support/temp-dir.ts';

/** Runs the built app as the CDK does: context and folder come by the environment. */
function synthesize(context: Readonly<Record<string, string>>, dir: string) {
  const [program = '', ...args] = cdkJson.app.split(' ');
  return spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'],
      HOME: dir,
      CDK_VALIDATION: 'false',
      CDK_OUTDIR: dir,
      CDK_CONTEXT_JSON: JSON.stringify({ ...cdkJson.context, ...context }),
    },
  });
}

it('makes one stack without account, region, credentials, network or Docker, and says nothing', () => {
  const dir = tempDir();
  const { status, stderr } = synthesize({ imageId: 'ami-12c6146b', stackName: 'Team-a' }, dir);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const template = JSON.parse(readFileSync(join(dir, 'Team-a.template.json'), 'utf8'));
  expect(Object.keys(template.Outputs)).toContain('Store');
  expect(JSON.stringify(template)).toContain('Team-a-Training-spot');
  const manifest = readFileSync(join(dir, 'manifest.json'), 'utf8');
  expect(manifest).toContain('aws://unknown-account/unknown-region');
  expect(JSON.parse(manifest).missing).toBeUndefined();
});

it.each([
  [{ maxCapcity: '8' }, /^holdfast: the context says `maxCapcity`.*\nIt may say: stackName, instanceTypes/],
  [{ minCapacity: '9' }, /^holdfast: minCapacity \(9\) exceeds maxCapacity \(4\)/],
  [
    { instanceTypes: 'g7.xlarge' },
    /^holdfast: An instance type does not fit: `g7\.xlarge` has a Blackwell GPU/,
  ],
])('refuses a context that does not fit, in a line and without a stack of calls: %j', (context, message) => {
  const dir = tempDir();
  const { status, stderr } = synthesize(context, dir);
  expect(status).toBe(1);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(existsSync(join(dir, 'manifest.json'))).toBe(false);
});
