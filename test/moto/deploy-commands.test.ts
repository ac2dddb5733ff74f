/** `holdfast up`, `diff` and `down` with the real CDK. */
import { HeadBucketCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root } from '../support/house/source-tree.ts';
import { type Cloud, startCloud } from './cloud.ts';
import { mustRun, type Run, runProcess } from './run-process.ts';

/** A small app: what moto deletes must not hold a network, which it never lets go of. */
const app = `
import { App, CfnOutput, RemovalPolicy, Stack, aws_s3, aws_sqs } from 'aws-cdk-lib';
import { Construct } from 'constructs';
const stack = new Stack(new App(), 'Small', { stackName: 'small-fleet' });
const fleet = new Construct(stack, 'Training');
const bucket = new aws_s3.Bucket(fleet, 'Bucket', { versioned: true, removalPolicy: RemovalPolicy.RETAIN });
const jobs = new aws_sqs.Queue(fleet, 'Jobs');
if (stack.node.tryGetContext('second')) new aws_sqs.Queue(fleet, 'Second');
new CfnOutput(fleet, 'Store', { value: \`s3://\${bucket.bucketName}?region=\${stack.region}\` });
new CfnOutput(fleet, 'Queue', { value: jobs.queueUrl });
`;

let cloud: Cloud;
let cwd: string;
beforeAll(async () => {
  cloud = await startCloud();
  cwd = join(cloud.dir, 'project');
  mkdirSync(cwd);
  symlinkSync(join(root, 'node_modules'), join(cwd, 'node_modules'));
  writeFileSync(join(cwd, 'infra.mjs'), app);
  writeFileSync(join(cwd, 'cdk.json'), JSON.stringify({ app: 'node infra.mjs', versionReporting: false }));
});
afterAll(() => cloud[Symbol.asyncDispose]());

const main = join(root, 'dist', 'cli', 'main.js');
const holdfast = (...args: readonly string[]): Promise<Run> =>
  runProcess([process.execPath, main, ...args], { cwd, env: cloud.environment('calm') });
const deploymentFile = (): string => join(cwd, '.holdfast', 'deployment.json');

it(
  'deploys into an account that was never prepared, finds what stands, and deletes it with its data',
  { timeout: 240_000 },
  async () => {
    const unasked = await holdfast('up');
    expect(unasked).toMatchObject({ code: 2 });
    expect(unasked.stderr).toContain('CDKToolkit is made first');
    expect(existsSync(deploymentFile())).toBe(false);

    const up = await holdfast('up', '--yes', '--json', '--', '--method=direct');
    expect(up.code, up.stderr).toBe(0);
    const { deployment } = JSON.parse(up.stdout);
    expect(deployment).toMatchObject({ stack: 'small-fleet', region: 'us-east-1' });
    expect(JSON.parse(readFileSync(deploymentFile(), 'utf8'))).toEqual(deployment);
    const bucket = String(deployment.store).replace(/^s3:\/\/|\?.*$/g, '');
    await cloud.s3.send(new HeadBucketCommand({ Bucket: bucket }));

    expect(await holdfast('diff')).toMatchObject({ code: 0 });
    const diff = await holdfast('diff', '-c', 'second=1');
    expect(diff.code).toBe(6);
    expect(diff.stdout).toContain('[+] AWS::SQS::Queue Training/Second');

    // Every other command finds what stands; each write leaves a version behind.
    const submit = ['submit', '--command', '--preset', 'lightning', '--id', 'job-1', '--', 'true'];
    await mustRun([process.execPath, main, ...submit], { cwd, env: cloud.environment('calm') });
    expect((await holdfast('ls')).stdout).toContain('job-1');
    const { Versions = [] } = await cloud.s3.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    expect(Versions.length).toBeGreaterThan(2);

    const down = await holdfast('down', '--yes');
    expect(down.code, down.stderr).toBe(0);
    expect(existsSync(deploymentFile())).toBe(false);
    await cloud.s3.send(new HeadBucketCommand({ Bucket: bucket }));
    expect((await holdfast('ls', '--store', deployment.store)).stdout).toContain('job-1');

    const data = await holdfast('down', '--yes', '--delete-data', '--json');
    expect(data.code, data.stderr).toBe(0);
    expect(JSON.parse(data.stdout)).toMatchObject({ data: 'deleted', versionsDeleted: Versions.length });
    await expect(cloud.s3.send(new HeadBucketCommand({ Bucket: bucket }))).rejects.toThrow();
  },
);

it('deploys the app of this package from an empty folder', { timeout: 240_000 }, async () => {
  const empty = join(cloud.dir, 'empty');
  mkdirSync(empty);
  // moto knows no Deep Learning image.
  const words = ['up', '--yes', '--json', '-c', 'imageId=ami-12c6146b', '--', '--method=direct'] as const;
  const up = await runProcess([process.execPath, main, ...words], {
    cwd: empty,
    env: cloud.environment('calm'),
  });
  expect(up.code, up.stderr).toBe(0);
  expect(JSON.parse(up.stdout).deployment).toMatchObject({
    stack: 'Holdfast',
    region: 'us-east-1',
    store: expect.stringMatching(/^s3:\/\/[a-z0-9-]+\?region=us-east-1$/),
    workersGroup: expect.any(String),
    instanceTypes: expect.arrayContaining(['g5.xlarge']),
  });
  expect(readdirSync(empty)).toEqual(['.holdfast']);
});
