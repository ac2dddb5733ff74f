import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { JobWatcher } from '../../proof/rehearsal/job-watcher.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { bundleProgram } from '../../lib/client/bundle-program.ts';
import { writeDeployment } from '../../lib/client/deployment-file.ts';
import { openRegion, type Region } from '../../lib/client/region.ts';
import type { Deployment } from '../../lib/contract/deployment.ts';
import { timersFrom } from '../../lib/contract/timers.ts';
import { root } from '../support/house/source-tree.ts';
import type { BootedMachine } from './boot-machine.ts';
import { type Cloud, cloudRegion } from './cloud.ts';
import { Hypervisor } from './hypervisor.ts';
import { mustRun, runProcess } from './run-process.ts';
import { type Loss, takeMachine } from './take-machines.ts';
import { readTrainedJob, type TrainedJob } from './trained-job.ts';

/** As the demo's: on EC2 a ticket is hidden for 120 s and a heartbeat comes every 30 s. The protocol is the same. */
const timers = { visibilityMs: 6_000, heartbeatMs: 1_500 } as const;
/** Longer than a ticket stays hidden after a kill and a worker takes to start, so that only the end is idle. */
const idleExitMs = 20_000;
/** A machine several times slower than two quiet cores still makes it. */
const limitMs = 6 * 60_000;

export const mnist: { readonly program: string; readonly digits: string; readonly saveEvery: string } = {
  program: join(root, 'examples', 'mnist', 'train.ts'),
  digits: join(root, 'examples', 'mnist', 'digits.bin'),
  saveEvery: '50steps',
};
export const holdfast = [process.execPath, join(root, 'dist', 'cli', 'main.js')] as const;

export interface Scenario {
  readonly name: string;
  readonly cloud: Cloud;
  readonly deployment: Deployment;
  readonly machine: BootedMachine;
  /** The line of workers and of Holdfast's own commands. The AWS CLI is on the calm one: what it repeats are new messages. */
  readonly line: 'stormy' | 'calm';
}

export interface ScenarioResult {
  /** Submitted by `holdfast submit`. */
  readonly submitted: TrainedJob;
  /** A bare message that is itself a job. */
  readonly direct: TrainedJob;
  readonly losses: readonly Loss[];
  /** The desired capacity over time. */
  readonly desired: readonly number[];
  readonly launched: readonly string[];
  readonly messagesLeft: number;
  /** How often `holdfast submit` was typed until it said that the job is queued. */
  readonly submitTries: number;
  readonly elapsedMs: number;
}

/**
 * From nothing running to nothing running: two jobs are queued, a fleet grows by the submission, three machines are taken
 * away, each in another way, and the last one retires when there is nothing left to do.
 */
export async function runScenario(scenario: Scenario): Promise<ScenarioResult> {
  const { cloud, deployment, machine, line, name } = scenario;
  const startedAtMs = systemClock.monotonicMs();
  const project = join(cloud.dir, name);
  await writeDeployment(join(project, '.holdfast'), deployment);
  const region = await regionOf(cloud, deployment);
  await using hypervisor = new Hypervisor({
    cloud,
    group: deployment.workersGroup ?? '',
    machine,
    dir: join(project, 'instances'),
    environment: {
      ...cloud.environment(line),
      HOLDFAST_GPU: '',
      HOLDFAST_HEARTBEAT_MS: String(timers.heartbeatMs),
      HOLDFAST_VISIBILITY_MS: String(timers.visibilityMs),
      HOLDFAST_IDLE_EXIT_MS: String(idleExitMs),
    },
  });
  hypervisor.start();
  try {
    const submitted = `submitted-${name}`;
    const submitTries = await submit(scenario, project, submitted);
    const message = await prepareDirectJob(scenario, project);
    const watch = (jobId: string): Promise<JobWatcher> =>
      JobWatcher.open(jobId, { region, signal: AbortSignal.timeout(limitMs), onLook: () => undefined });
    const losses: Loss[] = [];
    const first = await watch(submitted);
    for (const kind of ['notice', 'kill'] as const)
      losses.push(await takeMachine({ watcher: first, hypervisor }, kind));
    await completed(first);
    // Only now, to the fleet as the first job left it: two tickets at once would be taken in any order.
    const direct = await sendMessage(scenario, message);
    const second = await watch(direct);
    losses.push(await takeMachine({ watcher: second, hypervisor }, 'scale-in'));
    await completed(second);
    await emptied(scenario, hypervisor);
    const depth = await (await region.queue()).depth();
    return {
      submitted: await readTrainedJob(region, submitted),
      direct: await readTrainedJob(region, direct),
      losses,
      desired: hypervisor.desired,
      launched: hypervisor.launched,
      messagesLeft: depth.visible + depth.inFlight + depth.delayed,
      submitTries,
      elapsedMs: Math.round(systemClock.monotonicMs() - startedAtMs),
    };
  } catch (error) {
    throw new Error(await storyOf(hypervisor), { cause: error });
  } finally {
    await region.close();
  }
}

/** Store and queue of the deployment, looked at from outside of every fault. */
async function regionOf({ endpoint }: Cloud, { store, queue }: Deployment): Promise<Region> {
  const settings = new URLSearchParams({ endpoint, region: cloudRegion }).toString();
  return openRegion({
    store: `${store.replace(/\?.*$/, '')}?${settings}`,
    queue: `${queue}?${settings}`,
    origin: 'deployment',
    timers: timersFrom(timers),
  });
}

/** As a person would: what did not answer is typed again, with the same id. */
async function submit({ cloud, line }: Scenario, cwd: string, jobId: string): Promise<number> {
  const words = ['submit', mnist.program, '--id', jobId, '--save-every', mnist.saveEvery, '--json'] as const;
  for (let tries = 1; ; tries++) {
    const { code, stderr } = await runProcess([...holdfast, ...words], { cwd, env: cloud.environment(line) });
    if (code === 0) return tries;
    if (tries === 5) throw new Error(`holdfast submit ended with ${code}:\n${stderr}`);
  }
}

/** Program and input go into the bucket by the AWS CLI; what is returned is the message that is the job. */
async function prepareDirectJob({ cloud, deployment }: Scenario, cwd: string): Promise<string> {
  const options = { cwd, env: cloud.environment('calm') };
  const bucket = deployment.store.replace(/\?.*$/, '');
  const program = join(cwd, 'program.mjs');
  await writeFile(program, (await bundleProgram(mnist.program)).code);
  await mustRun(['aws', 's3', 'cp', program, `${bucket}/programs/mnist/program.mjs`], options);
  await mustRun(['aws', 's3', 'cp', mnist.digits, `${bucket}/inputs/mnist/digits.bin`], options);
  return JSON.stringify({
    format: 1,
    program: `${bucket}/programs/mnist/program.mjs`,
    params: { epochs: 2 },
    inputs: { digits: `${bucket}/inputs/mnist/digits.bin` },
  });
}

/** Sends it with the AWS CLI; the job has its id from the message's. */
async function sendMessage({ cloud, deployment }: Scenario, body: string): Promise<string> {
  // The AWS CLI goes where the URL of the queue leads, unless the endpoint is named on its command line.
  const endpoint = ['--endpoint-url', cloud.proxy.calmEndpoint] as const;
  const message = ['--queue-url', deployment.queue, '--message-body', body] as const;
  const answer = await mustRun(['aws', ...endpoint, 'sqs', 'send-message', ...message], {
    cwd: cloud.dir,
    env: cloud.environment('calm'),
  });
  const { MessageId } = JSON.parse(answer) as { readonly MessageId: string };
  return `job-${MessageId}`;
}

async function completed(watcher: JobWatcher): Promise<void> {
  const { end } = await watcher.until('the end', ({ state }) => (state.end === null ? undefined : state));
  if (end?.kind !== 'completed') throw new Error(`${watcher.journal.jobId}: ${JSON.stringify(end)}`);
}

/** Waits until the group has no instance and wants none. */
async function emptied({ cloud, deployment }: Scenario, hypervisor: Hypervisor): Promise<void> {
  const until = systemClock.monotonicMs() + 120_000;
  while (systemClock.monotonicMs() < until) {
    const { AutoScalingGroups = [] } = await cloud.autoScaling.send(
      new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [deployment.workersGroup ?? ''] }),
    );
    const [{ Instances = [], DesiredCapacity = 0 } = {}] = AutoScalingGroups;
    // The hypervisor looks at times of its own; what it has not seen yet is not in its story.
    const isSeen = hypervisor.desired.at(-1) === DesiredCapacity;
    if (Instances.length === 0 && DesiredCapacity === 0 && isSeen) return;
    await systemClock.sleep(500);
  }
  throw new Error('the idle fleet did not shrink to nothing');
}

/** What the workers said last, for whoever has to find out why. */
async function storyOf(hypervisor: Hypervisor): Promise<string> {
  const logs = hypervisor.launched.map(async (id) => {
    const text = await readFile(hypervisor.logFileOf(id) ?? '', 'utf8').catch(() => '');
    const exit = hypervisor.exits.has(id) ? `ended with ${String(hypervisor.exits.get(id))}` : 'did not end';
    return `${id} ${exit}:\n${text.split('\n').slice(-40).join('\n')}`;
  });
  return `the scenario failed; desired capacity: ${hypervisor.desired.join(' ')}\n${(await Promise.all(logs)).join('\n')}`;
}
