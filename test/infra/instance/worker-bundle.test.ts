import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  buildReconcileBundle,
  buildWorkerBundle,
  type WorkerBundle,
} from '../../../infra/instance/worker-bundle.ts';
import { ptxCacheName } from '../../../job/ptx-cache.ts';
import { systemClock } from '../../../lib/base/clock.ts';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { silentLog } from '../../../lib/base/log.ts';
import { builtFile, packageFile } from '../../../lib/base/package-files.ts';
import { systemRandom } from '../../../lib/base/random.ts';
import { readManifest } from '../../../lib/checkpoint/read-manifest.ts';
import { readJob } from '../../../lib/client/read-job.ts';
import { openRegion, type Region } from '../../../lib/client/region.ts';
import { submitJob } from '../../../lib/client/submit-job.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { timersFrom } from '../../../lib/contract/timers.ts';
import { ImdsServer } from '../../../local/imds-server.ts';
import { startFakeAws } from '../../support/fake-aws/fake-aws.ts';
import { anInstance } from '../../support/imds.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { tempDir } from '../../support/temp-dir.ts';

let bundle: WorkerBundle;

beforeAll(async () => {
  const { dir, remove } = await scratchFolder();
  bundle = buildWorkerBundle(dir);
  return remove;
});

/** The layout of an instance: the bundle, with TensorFlow.js beside it and nothing else. */
function installed(): string {
  const home = tempDir();
  mkdirSync(join(home, 'app'));
  spawnSync('tar', ['-xf', bundle.archive, '-C', join(home, 'app')]);
  mkdirSync(join(home, 'node_modules'));
  symlinkSync(packageFile('node_modules/@tensorflow'), join(home, 'node_modules/@tensorflow'));
  return home;
}

async function emptyRegion(): Promise<Region> {
  const dir = tempDir();
  const place = {
    store: pathToFileURL(join(dir, 'store')).href,
    queue: pathToFileURL(join(dir, 'queue')).href,
    timers: timersFrom({ heartbeatMs: 300, visibilityMs: 1_200 }),
    origin: 'flags',
  } as const;
  return openRegion(place, { clock: systemClock, random: systemRandom });
}

/** Starts a worker process as the service does, and waits for its end. */
async function work(
  region: Region,
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number | null; readonly log: string }> {
  const child = spawn(process.execPath, command, {
    env: {
      PATH: process.env['PATH'],
      HOLDFAST_STORE: region.place.store,
      HOLDFAST_QUEUE: region.place.queue,
      HOLDFAST_WORK_DIR: join(tempDir(), 'work'),
      HOLDFAST_HEARTBEAT_MS: '300',
      HOLDFAST_VISIBILITY_MS: '1200',
      HOLDFAST_IDLE_EXIT_MS: '300',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (text: Buffer) => (log += text));
  return { code: await new Promise((resolve) => child.on('close', resolve)), log };
}

/** Digests of the files of a job's last checkpoint. */
async function digests(region: Region, jobId: string): Promise<readonly string[]> {
  const { state } = await readJob(region, jobId);
  expect(state.status).toBe('completed');
  const record = state.checkpoints.at(-1);
  if (record === undefined) throw new Error('the job has no checkpoint');
  const { signal } = new AbortController();
  const manifest = await readManifest({ ...region, log: silentLog }, { jobId, record, signal });
  return manifest.files.map(({ path, digest }) => `${path} ${digest}`);
}

async function submit(region: Region, file: string, set: Readonly<Record<string, string>>): Promise<void> {
  const cwd = packageFile('.');
  const program = { file };
  await submitJob(region, { program, set, cwd, jobId: 'job', backend: 'wasm', seed: 7 });
}

describe('a worker bundle', () => {
  it('trains to the same bytes as the package that it was made from', { timeout: 60_000 }, async () => {
    const program = packageFile('test/programs/small-net.ts');
    const [bundled, plain] = [await emptyRegion(), await emptyRegion()];
    for (const region of [bundled, plain]) await submit(region, program, { epochs: '3' });
    const home = installed();
    const outcomes = [
      await work(bundled, [join(home, 'app/job/instance.js')]),
      await work(plain, [builtFile('cli/main.js'), 'worker', '--once']),
    ];
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0]);
    const files = await digests(bundled, 'job');
    expect(files.length).toBeGreaterThan(3);
    expect(files).toEqual(await digests(plain, 'job'));
  });

  it(
    'works through S3, SQS and the metadata service, on a machine whose GPU answers',
    { timeout: 60_000 },
    async () => {
      await using imds = await ImdsServer.start({
        instance: anInstance,
        clock: systemClock,
        random: systemRandom,
      });
      const aws = await startFakeAws();
      onTestFinished(() => aws.close());
      aws.s3.createBucket('bucket');
      aws.sqs.createQueue('jobs');
      const { accessKeyId, secretAccessKey } = aws.credentials;
      vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
      onTestFinished(() => void vi.unstubAllEnvs());
      const place = {
        store: aws.storeUri('bucket'),
        queue: aws.queueUrl('jobs'),
        timers: timersFrom({ heartbeatMs: 300, visibilityMs: 1_200 }),
        origin: 'flags',
      } as const;
      const region = await openRegion(place, { clock: systemClock, random: systemRandom });
      onTestFinished(() => region.close());
      await submit(region, packageFile('test/programs/small-net.ts'), { epochs: '2' });
      // Code that an earlier machine compiled for this GPU.
      const [bin, compiled, ptx] = [tempDir(), tempDir(), tempDir()];
      writeFileSync(join(compiled, 'kernel'), 'compiled');
      const archive = spawnSync('tar', ['-cz', '-C', compiled, 'kernel']).stdout;
      const name = ptxCacheName(
        { name: 'Tesla T4', driver: '595.91.07', memoryMib: 15_360, computeCapability: '7.5' },
        'libraries',
      );
      const kept = Buffer.concat([Buffer.from(`holdfast ptx 1 ${sha256Hex(archive)}\n`), archive]);
      await region.store.put(objectKeys.ptxCache(name), kept);
      writeFileSync(join(bin, 'nvidia-smi'), '#!/bin/sh\necho "Tesla T4, 595.91.07, 15360 MiB, 7.5"\n');
      chmodSync(join(bin, 'nvidia-smi'), 0o755);

      const { code, log } = await work(region, [join(installed(), 'app/job/instance.js')], {
        PATH: `${bin}:${process.env['PATH']}`,
        AWS_ACCESS_KEY_ID: accessKeyId,
        AWS_SECRET_ACCESS_KEY: secretAccessKey,
        AWS_REGION: aws.region,
        AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.endpoint,
        HOLDFAST_GPU: 'required',
        HOLDFAST_RUNTIME: 'libraries',
        CUDA_CACHE_PATH: ptx,
      });
      expect(code, log).toBe(0);
      expect(readFileSync(join(ptx, 'kernel'), 'utf8')).toBe('compiled');
      expect((await readJob(region, 'job')).state.status).toBe('completed');
      // The SDK keeps its advice about Node.js to itself: each line is one event.
      for (const line of log.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('event');
    },
  );

  it('takes no job on a machine whose GPU does not answer, and ends with 70', async () => {
    const region = await emptyRegion();
    const { code, log } = await work(region, [join(installed(), 'app/job/instance.js')], {
      PATH: tempDir(),
      HOLDFAST_GPU: 'required',
    });
    expect(code).toBe(70);
    expect(log).toContain('the GPU does not answer');
    expect(log).not.toContain('worker-started');
  });

  it('leads errors of a program to its own lines', { timeout: 60_000 }, async () => {
    const region = await emptyRegion();
    const file = join(tempDir(), 'train.ts');
    writeFileSync(
      file,
      [
        `import { defineTraining } from 'holdfast/training';`,
        `export default defineTraining({`,
        `  setup() {`,
        `    throw new Error('a bug');`,
        `  },`,
        `});`,
      ].join('\n'),
    );
    await submit(region, file, {});
    await work(region, [join(installed(), 'app/job/instance.js')]);
    const { state } = await readJob(region, 'job');
    expect(JSON.stringify(state)).toContain('train.ts:4:11');
    expect(JSON.stringify(state)).not.toContain('chunks/');
  });

  it('ends with 78 and names what the environment lacks', () => {
    const { status, stderr } = spawnSync(process.execPath, [join(installed(), 'app/job/instance.js')], {
      env: { HOLDFAST_STORE: 'file:///nowhere' },
      encoding: 'utf8',
    });
    expect(status).toBe(78);
    expect(JSON.parse(stderr)).toMatchObject({
      event: 'worker-ended',
      message: 'the environment of the worker lacks HOLDFAST_QUEUE, HOLDFAST_WORK_DIR.',
    });
  });

  it('is the same bytes each time, and holds no path of this machine', () => {
    const again = buildWorkerBundle(tempDir());
    expect(again.sha256).toBe(bundle.sha256);
    const bytes = readFileSync(bundle.archive);
    expect(bytes.includes(packageFile('.').replace(/\/$/, ''))).toBe(false);
  });

  it('brings every process that an instance starts, and leaves the bundler and TensorFlow.js out', () => {
    for (const file of [
      'instance',
      'after-exit',
      'trainer/tfjs-host',
      'trainer/guardian',
      'transfer/transfer-thread',
    ]) {
      expect(existsSync(join(bundle.folder, `job/${file}.js`)), file).toBe(true);
    }
    const text = allText(bundle.folder);
    // Comments of the bundle name the file that each part came from.
    const has = (name: string): boolean => text.includes(`node_modules/${name}/`);
    expect(
      ['@aws-sdk/client-s3', '@aws-sdk/client-sqs', '@aws-sdk/client-auto-scaling'].filter(has),
    ).toHaveLength(3);
    expect(['esbuild', '@tensorflow', 'aws-cdk-lib', 'commander'].filter(has)).toEqual([]);
  });

  it('loads the client of EC2 only for what needs it', () => {
    const chunks = readdirSync(join(bundle.folder, 'chunks'));
    const holders = chunks.filter((name) =>
      readFileSync(join(bundle.folder, 'chunks', name), 'utf8').includes('node_modules/@aws-sdk/client-ec2/'),
    );
    expect(holders).toHaveLength(1);
    const [holder = ''] = holders;
    // Nobody imports it as he starts.
    const eager = new RegExp(String.raw`^import .*${holder.replaceAll('.', String.raw`\.`)}`, 'm');
    expect(eager.test(allText(bundle.folder))).toBe(false);
    expect(allText(bundle.folder).includes(holder)).toBe(true);
  });

  it('can be unpacked by tar, with scripts that can be run', () => {
    const { stdout } = spawnSync('tar', ['-tvf', bundle.archive], { encoding: 'utf8' });
    expect(stdout).toMatch(/^-rwxr-xr-x 0\/0 +\d+ 1970-01-01 00:00 instance\/prepare\.sh$/m);
    expect(stdout).toMatch(/^-rw-r--r-- 0\/0 +\d+ 1970-01-01 00:00 job\/instance\.js$/m);
  });
});

describe('the bundle of the scheduled function', () => {
  it('exports the handler that Lambda is told, and needs nothing beside itself', () => {
    const { folder, handler } = buildReconcileBundle(tempDir());
    expect(handler).toBe('job/reconcile-function.handler');
    const elsewhere = join(tempDir(), 'function');
    cpSync(folder, elsewhere, { recursive: true });
    const script = `const { handler } = await import(${JSON.stringify(join(elsewhere, 'job/reconcile-function.js'))}); console.log(typeof handler);`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      cwd: elsewhere,
    });
    expect(stderr).toBe('');
    expect(stdout).toBe('function\n');
  });
});

/** Everything that a bundle runs. */
function allText(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.js'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n');
}
