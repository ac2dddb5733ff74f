import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { DescribeLaunchTemplateVersionsCommand } from '@aws-sdk/client-ec2';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { root } from '../support/house/source-tree.ts';
import type { Cloud } from './cloud.ts';
import { mustRun } from './run-process.ts';

/** What the boot script made of a machine. */
export interface BootedMachine {
  /** Of the service unit, below this machine's root. */
  readonly command: readonly string[];
  /** Of `/etc/holdfast/worker.env`, as it was written. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Boots a machine as an instance of the group would: takes the user data from the launch template in moto's EC2 and runs it,
 * with a folder for its root. The worker bundle comes from the assets in moto's S3, the runtime from an archive in the bucket.
 * What only root of a real machine may do is played by commands that do nothing.
 */
export async function bootMachine(cloud: Cloud, group: string): Promise<BootedMachine> {
  const script = await userDataOf(cloud, group);
  await keepRuntime(cloud, settingsOf(script));
  const machine = join(cloud.dir, 'machine');
  const tools = join(cloud.dir, 'tools');
  await mkdir(join(machine, 'etc', 'systemd', 'system'), { recursive: true });
  await mkdir(tools);
  const calls = join(cloud.dir, 'systemctl.log');
  for (const [name, body] of Object.entries(playedTools(calls))) {
    await writeFile(join(tools, name), `#!/bin/sh\n${body}\n`);
    await chmod(join(tools, name), 0o755);
  }
  const file = join(cloud.dir, 'user-data');
  await writeFile(file, script);
  const environment = cloud.environment('calm');
  const path = `${tools}:${environment['PATH'] ?? ''}`;
  await mustRun(['bash', file], {
    cwd: cloud.dir,
    env: { ...environment, PATH: path, HOLDFAST_BOOT_ROOT: machine },
  });
  const started = await readFile(calls, 'utf8');
  if (!started.includes('enable --now holdfast-worker.service'))
    throw new Error(`the boot script started no worker: ${started}`);
  const unit = await readFile(join(machine, 'etc', 'systemd', 'system', 'holdfast-worker.service'), 'utf8');
  const start = /^ExecStart=(.+)$/m.exec(unit)?.[1];
  if (start === undefined) throw new Error('the unit starts nothing');
  return {
    command: start.split(' ').map((word) => (word.startsWith('/') ? join(machine, word) : word)),
    environment: variablesOf(await readFile(join(machine, 'etc', 'holdfast', 'worker.env'), 'utf8')),
  };
}

async function userDataOf({ autoScaling, ec2 }: Cloud, group: string): Promise<string> {
  const { AutoScalingGroups = [] } = await autoScaling.send(
    new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [group] }),
  );
  const template = AutoScalingGroups[0]?.MixedInstancesPolicy?.LaunchTemplate?.LaunchTemplateSpecification;
  if (template?.LaunchTemplateId === undefined || template.Version === undefined)
    throw new Error('the group has no launch template');
  const { LaunchTemplateVersions = [] } = await ec2.send(
    new DescribeLaunchTemplateVersionsCommand({
      LaunchTemplateId: template.LaunchTemplateId,
      Versions: [template.Version],
    }),
  );
  const encoded = LaunchTemplateVersions[0]?.LaunchTemplateData?.UserData;
  if (encoded === undefined) throw new Error('the launch template has no user data');
  return Buffer.from(encoded, 'base64').toString('utf8');
}

/** The assignments at the head of the script. */
function settingsOf(script: string): Readonly<Record<string, string>> {
  const lines = script.matchAll(/^(\w+)='([^']*)'$/gm);
  return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]));
}

/**
 * Keeps a runtime in the bucket, as the first machine of a fleet does: here with this machine's Node.js and the packages of
 * this repository, which have no GPU to compute with.
 */
async function keepRuntime(cloud: Cloud, settings: Readonly<Record<string, string>>): Promise<void> {
  const {
    runtime_pointer: pointer = '',
    runtime_archives: archives = '',
    runtime_digest: digest = '',
  } = settings;
  const folder = join(cloud.dir, 'runtime');
  await mkdir(join(folder, 'cuda', 'lib'), { recursive: true });
  await mkdir(join(folder, 'node', 'bin'), { recursive: true });
  await symlink(process.execPath, join(folder, 'node', 'bin', 'node'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'runtime.digest'), digest);
  const archive = join(cloud.dir, 'runtime.tar.gz');
  await mustRun(['tar', '-czf', archive, '-C', folder, 'cuda', 'node', 'node_modules', 'runtime.digest'], {
    cwd: cloud.dir,
    env: cloud.environment('calm'),
  });
  const body = await readFile(archive);
  const sha256 = createHash('sha256').update(body).digest('hex');
  await put(cloud, `${archives}${sha256}.tar.gz`, body);
  await put(cloud, pointer, Buffer.from(sha256));
}

async function put({ s3 }: Cloud, uri: string, body: Buffer): Promise<void> {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
}

/** Commands of a machine that a test neither has nor may run, by name. */
function playedTools(calls: string): Readonly<Record<string, string>> {
  const nothing = ['useradd', 'usermod', 'chown', 'sleep'].map((name) => [name, 'exit 0']);
  const absent = ['mountpoint', 'nvidia-smi', 'nvidia-modprobe', 'dnf', 'curl'].map((name) => [
    name,
    'exit 1',
  ]);
  return Object.fromEntries([
    ...nothing,
    ...absent,
    ['getent', 'exit 0'],
    // A boot may power its machine off, at once or by a timer. The machine that runs the tests is not its.
    ...['systemctl', 'systemd-run'].map((name) => [name, `echo "$*" >>'${calls}'`]),
  ]);
}

function variablesOf(file: string): Readonly<Record<string, string>> {
  const lines = file.split('\n').filter((line) => line.includes('='));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
