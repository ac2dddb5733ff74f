import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { runWorkerProcess } from '../../job/main.ts';
import { AccessDeniedError, TransientError, UnfitError } from '../../lib/base/errors.ts';
import { encodeTicket } from '../../lib/contract/ticket.ts';
import { defaultTimers, timersFrom } from '../../lib/contract/timers.ts';
import { openQueue, openStore } from '../../lib/client/region.ts';
import type { JobQueue } from '../../lib/queue/job-queue.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { cliWorld } from '../support/cli-world.ts';
import { realTime } from '../support/fake-aws/aws-time.ts';
import { type FakeAws, startFakeAws } from '../support/fake-aws/fake-aws.ts';
import { type Fault, slowDown } from '../support/fake-aws/faults.ts';
import { tempDir } from '../support/temp-dir.ts';
import { withMethods } from '../support/with-methods.ts';
import { WorkerBench } from '../support/worker-bench.ts';

interface Case {
  readonly name: string;
  readonly fault?: Fault;
  readonly queue?: string;
  readonly credentials?: 'none';
  /** What a person reads: what is wrong, then what to do. */
  readonly says: RegExp;
  readonly next: RegExp;
  /** What `holdfast ls`, which asks the store alone, ends with. */
  readonly listEndsWith?: number;
}

const refusal = (
  status: number,
  code: string,
  more: Partial<Extract<Fault, { kind: 'refuse' }>> = {},
): Fault => ({
  kind: 'refuse',
  status,
  code,
  ...more,
});

const kmsText =
  'User: arn:aws:sts::123456789012:assumed-role/worker is not authorized to perform: kms:GenerateDataKey on the resource';

const cases: readonly Case[] = [
  {
    name: 'no credentials',
    credentials: 'none',
    says: /refused access/,
    next: /aws configure|aws sts get-caller-identity/,
    listEndsWith: 4,
  },
  {
    name: 'a bucket of another account',
    fault: refusal(403, 'AccessDenied'),
    says: /S3 refused access.*AccessDenied/,
    next: /check the permissions/,
    listEndsWith: 4,
  },
  {
    name: 'a key that KMS denies',
    fault: refusal(403, 'AccessDenied', { message: kmsText }),
    says: /kms:GenerateDataKey/,
    next: /allow kms:Decrypt and kms:GenerateDataKey/,
    listEndsWith: 4,
  },
  {
    name: 'a key that is disabled',
    fault: refusal(400, 'KMS.DisabledException', { message: 'the key is disabled.' }),
    says: /refused access.*KMS.DisabledException/,
    next: /kms:Decrypt/,
    listEndsWith: 4,
  },
  {
    name: 'a bucket in another region',
    fault: refusal(301, 'PermanentRedirect', { bucketRegion: 'ap-southeast-2' }),
    says: /in another region/,
    next: /region=ap-southeast-2/,
    listEndsWith: 1,
  },
  {
    name: 'a queue in another region, or none',
    queue: 'elsewhere',
    says: /there is no such queue/,
    next: /check the address and the region/,
  },
];

/** A region that is refused in this way, and what the SDK finds in its environment. */
async function refusedRegion({ fault, credentials }: Case): Promise<FakeAws> {
  const aws = await startFakeAws();
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await aws.close();
  });
  aws.s3.createBucket('bucket');
  aws.sqs.createQueue('jobs');
  if (fault !== undefined) aws.faults.add({ fault, times: 1_000 });
  const known = credentials === 'none' ? undefined : aws.credentials;
  vi.stubEnv('AWS_ACCESS_KEY_ID', known?.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', known?.secretAccessKey);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  for (const name of ['AWS_PROFILE', 'AWS_SESSION_TOKEN', 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'])
    vi.stubEnv(name, undefined);
  for (const name of ['AWS_CONFIG_FILE', 'AWS_SHARED_CREDENTIALS_FILE']) vi.stubEnv(name, '/dev/null');
  return aws;
}

/** A worker outside of EC2 that ends with its queue. */
const onceHere = () => ({
  workDir: join(tempDir(), 'work'),
  timers: defaultTimers,
  imdsEndpoint: undefined,
  once: true,
  idleExitMs: undefined,
});

describe('a worker ends with 78 at its start, and says what to do', () => {
  it.each(cases)('with $name', async (one) => {
    const aws = await refusedRegion(one);
    const lines: Record<string, unknown>[] = [];
    const code = await runWorkerProcess({
      ...onceHere(),
      store: aws.storeUri('bucket'),
      queue: aws.queueUrl(one.queue ?? 'jobs'),
      writeLog: (line) => void lines.push(Object(JSON.parse(line))),
    });
    expect(code).toBe(78);
    expect(lines.at(-1)).toMatchObject({
      event: 'worker-ended',
      message: expect.stringMatching(one.says),
      next: expect.stringMatching(one.next),
    });
  });

  it('with a work folder that cannot be made', async () => {
    const file = join(tempDir(), 'file');
    writeFileSync(file, '');
    const lines: unknown[] = [];
    const code = await runWorkerProcess({
      ...onceHere(),
      store: pathToFileURL(tempDir()).href,
      queue: pathToFileURL(tempDir()).href,
      workDir: join(file, 'work'),
      writeLog: (line) => void lines.push(JSON.parse(line)),
    });
    expect(code).toBe(78);
    expect(lines.at(-1)).toMatchObject({
      message: expect.stringMatching(/work folder cannot be made.*work/),
      next: expect.stringContaining('HOLDFAST_WORK_DIR'),
    });
  });
});

it('a worker whose store is throttled for a moment at its start begins all the same, and says so', async () => {
  const aws = await refusedRegion({ name: '', says: /./, next: /./ });
  // Eight race to create an object; what comes then is a replacement, which the client itself does not try again.
  aws.faults.add({ fault: slowDown, operation: 'PutObject', skip: 8 });
  const events: unknown[] = [];
  const code = await runWorkerProcess({
    ...onceHere(),
    store: aws.storeUri('bucket'),
    queue: aws.queueUrl('jobs'),
    timers: timersFrom({ heartbeatMs: 300, visibilityMs: 2_000 }),
    writeLog: (line) => void events.push(JSON.parse(line).event),
  });
  expect(code).toBe(0);
  expect(events).toEqual(['store-not-ready', 'worker-started', 'worker-ended']);
});

describe('a command says the same, and tells by its exit code', () => {
  it.each(cases.filter(({ listEndsWith }) => listEndsWith !== undefined))('with $name', async (one) => {
    const aws = await refusedRegion(one);
    const { code, err } = await cliWorld().run(['ls', '--store', aws.storeUri('bucket')]);
    expect(err).toMatch(one.says);
    expect(err).toMatch(one.next);
    expect(code).toBe(one.listEndsWith);
  });
});

const minuteMs = 60_000;
let bench: WorkerBench;

describe('a worker at work', () => {
  beforeEach(() => {
    bench = new WorkerBench();
  });
  afterEach(() => bench.dispose());

  const refuse = (): Promise<never> => Promise.reject(new AccessDeniedError('S3 refused access.'));

  it('bears a store that refuses it for half a minute, and takes the job then', async () => {
    await bench.submit('job');
    let isRefused = true;
    const store = withMethods<ObjectStore>(bench.store, {
      list: (...args) => (isRefused ? refuse() : bench.store.list(...args)),
    });
    const worker = bench.start({ store });
    await bench.pass(30_000);
    isRefused = false;
    await bench.until('the job begins', () => worker.trainers.at(-1)?.begun === true);
    expect(await bench.queue.deadLetters({ limit: 1 })).toEqual([]);
  });

  it('ends when the store goes on refusing, having gone through five tickets and not through all', async () => {
    for (let index = 0; index < 20; index++) await bench.submit(`job-${index}`);
    const worker = bench.start({ store: withMethods<ObjectStore>(bench.store, { list: refuse }) });
    let ended: unknown;
    worker.exitCode.catch((error: unknown) => {
      ended = error;
    });
    await bench.until('it ends', () => ended !== undefined);
    expect(ended).toBeInstanceOf(AccessDeniedError);
    expect(bench.clock.monotonicMs()).toBeGreaterThan(minuteMs);
    const { visible, inFlight } = await bench.queue.depth();
    expect(visible + inFlight).toBe(20);
    expect(visible).toBeGreaterThanOrEqual(15);
    expect(await bench.queue.deadLetters({ limit: 1 })).toEqual([]);
  });

  it('goes on training when its queue is deleted, and ends with 78 when the job is done and the queue is not back', async () => {
    await bench.submit('job');
    let isGone = false;
    const gone = (): Promise<never> => Promise.reject(new UnfitError('there is no such queue.'));
    const queue = withMethods<JobQueue>(bench.queue, {
      receive: (options) => (isGone ? gone() : bench.queue.receive(options)),
      changeVisibility: (...args) => (isGone ? gone() : bench.queue.changeVisibility(...args)),
      delete: (handle) => (isGone ? gone() : bench.queue.delete(handle)),
      send: (...args) => (isGone ? gone() : bench.queue.send(...args)),
    });
    const worker = await bench.begin({ queue });
    isGone = true;
    for (let step = 1; step <= 10; step++) {
      worker.trainer.train(step);
      await bench.pass(minuteMs);
    }
    expect(worker.trainer.killed).toBe(false);
    worker.trainer.finish();
    await bench.until('it is completed', async () => (await bench.state('job')).status === 'completed');
    expect((await bench.state('job')).totals.claims).toBe(1);
    let ended: unknown;
    worker.exitCode.catch((error: unknown) => {
      ended = error;
    });
    await bench.until('it ends', () => ended !== undefined);
    expect(ended).toBeInstanceOf(UnfitError);
  });

  it('keeps every checkpoint when S3 refuses it in the middle of an upload, and commits the next', async () => {
    await bench.submit('job');
    let isRefused = false;
    const store = withMethods<ObjectStore>(bench.store, {
      put: (key, ...rest) =>
        isRefused && key.includes('/checkpoints/') ? refuse() : bench.store.put(key, ...rest),
    });
    let refused = 0;
    const worker = await bench.begin({
      store,
      hear: (event) => void (refused += event === 'checkpoint-failed' ? 1 : 0),
    });
    // Real files are read meanwhile, which no manual clock hurries.
    const saved = (count: number): Promise<void> =>
      bench.until('saved', async () => (await bench.state('job')).checkpoints.length === count);
    const stage = async (step: number): Promise<void> => {
      worker.trainer.train(step);
      worker.trainer.stage();
      await bench.pass(2_000);
    };
    await stage(10);
    await saved(1);
    isRefused = true;
    await stage(20);
    await bench.until('it is refused', () => refused === 1);
    expect((await bench.state('job')).checkpoints.map(({ step }) => step)).toEqual([10]);
    isRefused = false;
    await stage(30);
    await saved(2);
    const state = await bench.state('job');
    expect(state.checkpoints.map(({ step }) => step)).toEqual([10, 30]);
    expect(state).toMatchObject({ status: 'running', totals: { claims: 1 }, strikes: { total: 0 } });
    expect(worker.trainer.killed).toBe(false);
  });

  it('lets the attempt go when the third save in a row is refused, without giving up the job', async () => {
    await bench.submit('job');
    let isRefused = false;
    const store = withMethods<ObjectStore>(bench.store, {
      put: (key, ...rest) =>
        isRefused && key.includes('/checkpoints/') ? refuse() : bench.store.put(key, ...rest),
    });
    let refused = 0;
    const worker = await bench.begin({
      store,
      hear: (event) => void (refused += event === 'checkpoint-failed' ? 1 : 0),
    });
    worker.trainer.train(10);
    worker.trainer.stage();
    await bench.until('saved', async () => (await bench.state('job')).checkpoints.length === 1);
    isRefused = true;
    for (const [before, step] of [20, 30, 40].entries()) {
      expect(worker.trainer.killed).toBe(false);
      worker.trainer.train(step);
      worker.trainer.stage();
      await bench.until('it is refused', () => refused > before);
      await bench.pass(2_000);
    }
    const state = await bench.state('job');
    expect(state).toMatchObject({ status: 'interrupted', lastRelease: { cause: 'infrastructure' } });
    expect(state.lastRelease?.message).toContain('refused access');
    expect(state.checkpoints.map(({ step }) => step)).toEqual([10]);
    isRefused = false;
    await bench.until('it goes on', () => worker.trainers.length === 2 && worker.trainer.begun);
    expect((await bench.entries('job')).at(-1)).toMatchObject({ kind: 'restored', step: 10 });
  });

  it('gives no job up because it may not be restored here', async () => {
    await bench.submit('job');
    const first = await bench.begin();
    first.trainer.train(10);
    first.announce(bench.spotNotice());
    expect(await bench.exitOf(first)).toBe(75);
    let isRefused = true;
    const store = withMethods<ObjectStore>(bench.store, {
      get: (key, ...rest) =>
        isRefused && key.includes('/checkpoints/') ? refuse() : bench.store.get(key, ...rest),
    });
    const second = bench.start({ store });
    await bench.until('it was tried', async () => (await bench.state('job')).strikes.total === 1);
    expect(await bench.state('job')).toMatchObject({ status: 'interrupted', end: null });
    isRefused = false;
    await bench.until('it goes on', () => second.trainers.at(-1)?.begun === true);
    expect((await bench.entries('job')).at(-1)).toMatchObject({ kind: 'restored', step: 10 });
  });

  it('fails a job at once that names an input which nobody may read', async () => {
    await bench.submit('job', { inputs: { train: { uri: 's3://elsewhere/train.bin' } } });
    bench.start({ openStore: refuse });
    await bench.until('it failed', async () => (await bench.state('job')).status === 'failed');
    expect((await bench.state('job')).end?.message).toMatch(/input `train` may not be read.*elsewhere/);
  });

  it('fails no job whose input a machine without credentials cannot read', async () => {
    const uri = 's3://elsewhere/train.bin';
    await bench.submit('job', { inputs: { train: { uri } } });
    let reads = 0;
    const lost = new AccessDeniedError('S3 refused access.', { caller: 'nobody' });
    const worker = bench.start({
      openStore: async () => {
        reads += 1;
        if (reads === 1) throw lost;
        return withMethods<ObjectStore>(bench.store, {
          get: async () => ({
            key: 'train.bin',
            body: new Uint8Array([1]),
            etag: '"1"',
            lastModified: bench.clock.now(),
            serverTime: bench.clock.now(),
          }),
        });
      },
    });
    await bench.until('it begins', () => worker.trainers.at(-1)?.begun === true);
    expect(reads).toBe(2);
    expect(await bench.state('job')).toMatchObject({
      status: 'running',
      lastRelease: { cause: 'infrastructure' },
    });
  });

  it('hands over what was committed before when the last upload is refused', async () => {
    await bench.submit('job');
    let isRefused = false;
    const store = withMethods<ObjectStore>(bench.store, {
      put: (key, ...rest) =>
        isRefused && key.includes('/checkpoints/') ? refuse() : bench.store.put(key, ...rest),
    });
    const worker = await bench.begin({ store });
    worker.trainer.train(10);
    worker.trainer.stage();
    await bench.until('saved', async () => (await bench.state('job')).checkpoints.length === 1);
    isRefused = true;
    worker.trainer.train(20);
    worker.announce(bench.spotNotice());
    expect(await bench.exitOf(worker)).toBe(75);
    const heir = await bench.begin();
    expect((await bench.entries('job')).findLast(({ kind }) => kind === 'restored')).toMatchObject({
      step: 10,
    });
    expect(heir.trainer.restoredFrom).toBeDefined();
  });

  it('takes work all the same when the metadata service is down, and says so', async () => {
    await bench.submit('job');
    const said: string[] = [];
    const worker = bench.start({
      poll: () => Promise.reject(new TransientError('IMDS does not answer.')),
      hear: (event) => void said.push(event),
    });
    await bench.until('the job begins', () => worker.trainers.at(-1)?.begun === true);
    expect(said.filter((event) => event === 'notices-unreadable')).toHaveLength(5);
    worker.trainer.train(1);
    worker.trainer.finish();
    await bench.until('it is completed', async () => (await bench.state('job')).status === 'completed');
  });
});

describe('a clock that is ten minutes off', () => {
  beforeEach(() => {
    bench = new WorkerBench();
  });
  afterEach(() => bench.dispose());

  it.each([-10 * minuteMs, 10 * minuteMs])(
    'takes no job from a live owner, and keeps none for a dead one (%i ms)',
    async (skewMs) => {
      const clock = withMethods(bench.clock, {
        now: () => new Date(bench.clock.now().getTime() + skewMs),
      });
      await bench.submit('job');
      const owner = await bench.begin();
      // An extra ticket wakes the machine with the wrong clock: the owner is live by the store's time.
      await bench.queue.send(encodeTicket('job'));
      const rival = bench.start({ clock });
      await bench.pass(30_000);
      expect(rival.trainers).toEqual([]);
      owner.trainer.train(5);
      owner.announce(bench.spotNotice());
      expect(await bench.exitOf(owner)).toBe(75);
      await bench.until('the other begins', () => rival.trainers.at(-1)?.begun === true);
      rival.trainer.train(9);
      rival.trainer.finish();
      await bench.until('it is completed', async () => (await bench.state('job')).status === 'completed');
      // What it wrote bears the store's time, within the second that the store tells.
      const last = (await bench.entries('job')).at(-1);
      expect(Math.abs(Date.parse(last?.at ?? '') - bench.clock.now().getTime())).toBeLessThan(5_000);
    },
  );

  it('or twenty, which AWS refuses, costs one more try', async () => {
    const ahead = { ...realTime, now: () => realTime.now() + 20 * minuteMs };
    const aws = await startFakeAws({ checksSkew: true, time: ahead });
    vi.stubEnv('AWS_ACCESS_KEY_ID', aws.credentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', aws.credentials.secretAccessKey);
    try {
      aws.s3.createBucket('bucket');
      const store = await openStore(aws.storeUri('bucket'));
      const body = new TextEncoder().encode('body');
      expect((await store.createIfAbsent('key', body)).outcome).toBe('created');
      expect(aws.asked('PutObject')).toHaveLength(2);
      aws.sqs.createQueue('jobs');
      const queue = await openQueue(aws.queueUrl('jobs'));
      await queue.send('ticket');
      expect(aws.asked('SendMessage')).toHaveLength(2);
      expect((await queue.receive({ waitMs: 0, visibilityMs: minuteMs }))?.body).toBe('ticket');
      await Promise.all([store.close(), queue.close()]);
    } finally {
      vi.unstubAllEnvs();
      await aws.close();
    }
  });
});
