/**
 * The whole product against an AWS that somebody else wrote: the template that AWS would get, deployed by the real CDK;
 * machines that boot from their launch template's user data; real workers and trainers; once on a good line, once on one
 * that loses every twentieth request.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { sha256Hex } from '../../lib/base/digest.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { openRegion } from '../../lib/client/region.ts';
import type { Deployment } from '../../lib/contract/deployment.ts';
import { defaultTimers } from '../../lib/contract/timers.ts';
import { faultSeed } from './fault-seed.ts';
import { bootMachine, type BootedMachine } from './boot-machine.ts';
import { type Cloud, startCloud } from './cloud.ts';
import { deployStack } from './deploy-stack.ts';
import { mustRun } from './run-process.ts';
import { holdfast, mnist, runScenario, type ScenarioResult } from './run-scenario.ts';
import { readTrainedJob, type TrainedJob } from './trained-job.ts';

let cloud: Cloud;
let deployment: Deployment;
let machine: BootedMachine;
let reference: TrainedJob;

beforeAll(async () => {
  cloud = await startCloud();
}, 120_000);
afterAll(async () => cloud[Symbol.asyncDispose]());

it('deploys its template as it is, with the real CDK', async () => {
  deployment = await deployStack(cloud);
  expect(deployment).toMatchObject({ format: 1, stack: 'Holdfast', region: 'us-east-1' });
  const { AutoScalingGroups = [] } = await cloud.autoScaling.send(
    new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [deployment.workersGroup ?? ''] }),
  );
  expect(AutoScalingGroups).toMatchObject([{ DesiredCapacity: 0, MinSize: 0, Instances: [] }]);
  // What moto's CloudFormation passes over is played where something refers to it, and nothing else is.
  expect(Object.keys(cloud.proxy.record.notByMoto)).toEqual([
    'cloudformation:AWS::AutoScaling::ScalingPolicy',
    'cloudformation:AWS::CloudWatch::Alarm',
    'cloudformation:AWS::FIS::ExperimentTemplate',
  ]);
}, 240_000);

it('boots a machine by the user data of the launch template', async () => {
  machine = await bootMachine(cloud, deployment.workersGroup ?? '');
  expect(machine.environment).toMatchObject({
    HOLDFAST_STORE: deployment.store,
    HOLDFAST_QUEUE: deployment.queue,
    HOLDFAST_AUTO_SCALING_GROUP: deployment.workersGroup,
    AWS_REGION: 'us-east-1',
  });
}, 120_000);

it('trains the reference: the same program, left alone, on this machine', async () => {
  const cwd = join(cloud.dir, 'reference');
  await mkdir(cwd);
  const options = { cwd, env: cloud.environment('calm') };
  await mustRun(
    [...holdfast, 'submit', mnist.program, '--id', 'reference', '--save-every', mnist.saveEvery],
    options,
  );
  await mustRun([...holdfast, 'worker', '--once', '--imds', 'none'], options);
  const store = pathToFileURL(join(cwd, '.holdfast', 'store')).href;
  const region = await openRegion({ store, queue: undefined, origin: 'local', timers: defaultTimers });
  reference = await readTrainedJob(region, 'reference');
  await region.close();
  expect(reference.wrong).toEqual([]);
}, 180_000);

it('loses three machines and not one bit', async () => {
  const result = await runScenario({ name: 'calm', cloud, deployment, machine, line: 'calm' });
  await report('calm', result, undefined);
  expectEverythingKept(result);
  // A notice and a scale-in are handed over without a lost step; a kill may lose what was not committed.
  for (const { kind, lostSteps } of result.losses) if (kind !== 'kill') expect(lostSteps, kind).toBe(0);
  // From nothing by the submission, and back to nothing by the idle worker's own retirement.
  expect(result.desired).toEqual([0, 1, 0]);
  expect(result.launched).toHaveLength(4);
  expect(result.submitTries).toBe(1);
  expect(cloud.proxy.record.faultsInAll).toBe(0);
}, 480_000);

it('loses three machines, every twentieth request, and not one bit', async () => {
  const seed = faultSeed();
  process.stderr.write(`seed of the faults: ${seed}\n`);
  cloud.proxy.plan = { share: 0.05, random: seededRandom(seed) };
  const result = await runScenario({ name: 'stormy', cloud, deployment, machine, line: 'stormy' });
  cloud.proxy.plan = undefined;
  await report('stormy', result, seed);
  expectEverythingKept(result);
  // Some 600 requests, so that about thirty meet a fault; which machine they cost besides is for the seed to say.
  expect(cloud.proxy.record.faultsInAll).toBeGreaterThanOrEqual(10);
}, 480_000);

function expectEverythingKept(result: ScenarioResult): void {
  const { submitted, direct, losses, desired, messagesLeft } = result;
  expect(submitted.wrong).toEqual([]);
  expect(direct.wrong).toEqual([]);
  expect(submitted.files).toEqual(reference.files);
  expect(direct.files).toEqual(reference.files);
  expect(losses.map(({ kind }) => kind)).toEqual(['notice', 'kill', 'scale-in']);
  expect(cloud.proxy.hooks.completed).toEqual(
    expect.arrayContaining(losses.filter(({ kind }) => kind === 'scale-in').map(({ instance }) => instance)),
  );
  expect(desired.at(-1)).toBe(0);
  expect(messagesLeft).toBe(0);
  expect(cloud.proxy.record).toMatchObject({ createdTwice: [], failures: [] });
}

/** One digest over all files, in order of path. */
function digestOf({ files }: TrainedJob): string {
  const lines = Object.entries(files).map(([path, digest]) => `${digest}  ${path}\n`);
  return sha256Hex(lines.toSorted().join(''));
}

/** As the demo's with `--json`, on stdout and in a file that outlives the run. */
async function report(name: string, result: ScenarioResult, seed: number | undefined): Promise<void> {
  const { submitted, direct, losses, elapsedMs, submitTries } = result;
  const { record } = cloud.proxy;
  const digests = [submitted, direct, reference].map((job) => digestOf(job));
  const document = {
    schemaVersion: 1,
    scenario: name,
    ...(seed === undefined ? {} : { seed }),
    identical: new Set(digests).size === 1,
    submittedDigest: digests[0],
    directDigest: digests[1],
    referenceDigest: digests[2],
    steps: submitted.state.end?.step,
    checkpoints: submitted.state.totals.checkpoints + direct.state.totals.checkpoints,
    interruptions: losses,
    submitTries,
    createdUnderConditionOnce: record.createdOnce,
    faults: record.faults,
    notByMoto: record.notByMoto,
    motoFailures: record.motoFailures,
    elapsedMs,
  };
  const file = join(tmpdir(), `holdfast-moto-${name}-${systemClock.now().getTime()}.json`);
  const text = JSON.stringify(document, null, 2);
  await writeFile(file, `${text}\n`);
  process.stdout.write(`${text}\nreport: ${file}\n`);
}
