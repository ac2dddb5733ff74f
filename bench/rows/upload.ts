import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { systemClock } from '../../lib/base/clock.ts';
import { openStore } from '../../lib/client/region.ts';
import { cpuSeconds, endedChildrenCpuSeconds } from '../harness/cpu-time.ts';
import { atLeast, atMost, type Bench, type Finding, type Row, type Subject } from '../harness/row.ts';
import { SlotTrainer } from '../harness/slot-trainer.ts';
import { median } from '../harness/statistics.ts';
import { benchWorld, claimedJob, pipelineOf, worldDirs } from '../harness/supervised-job.ts';
import { uploadFromMemory } from '../harness/upload-from-memory.ts';
import { type Sink, startSink } from '../sink/start-sink.ts';

const libStorage = '`Upload` of @aws-sdk/lib-storage as it comes, same bytes from memory';

const rows: readonly Row[] = [
  {
    id: 'cpu-per-gb',
    title: 'CPU to make a checkpoint in memory durable, http',
    unit: 'CPU-s/GB',
    peer: 'one GB of checkpoint; hashing, signing and sending, without staging',
    goal: atMost(1.3),
  },
  {
    id: 'cpu-per-gb-staged',
    title: 'CPU to make a staged checkpoint durable, http',
    unit: 'CPU-s/GB',
    peer: 'the same, with reading it from its slot and its commit, by transfer threads',
    better: 'lower',
  },
  {
    id: 'cpu-vs-lib-storage',
    title: "CPU of an upload against the SDK's own",
    unit: '×',
    peer: libStorage,
    goal: atMost(1),
  },
  {
    id: 'throughput-vs-lib-storage',
    title: "Upload speed on an unshaped line against the SDK's own",
    unit: '×',
    peer: libStorage,
    goal: atLeast(1),
  },
  {
    id: 'throughput-vs-curl',
    title: 'Upload speed on an unshaped line against a program that neither hashes nor signs',
    unit: '×',
    peer: '`curl -T` of the same file, start-up included',
    better: 'higher',
  },
  {
    id: 'throughput-vs-aws-cli',
    title: 'Upload speed on an unshaped line against the AWS CLI',
    unit: '×',
    peer: '`aws s3 cp` of the same file, start-up included',
    goal: atLeast(1),
  },
];

/** A staged checkpoint to the journal's commit without any shaping: what hashing, signing and sending cost. */
export const upload: Subject = { id: 'upload', rows, measure };

interface Cost {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function measure(bench: Bench): Promise<Record<string, Finding>> {
  const bytes = (bench.isQuick ? 32 : 1024) * 1024 * 1024;
  await using sink = await startSink(bench.entry('sink-process'));
  const store = await openStore(sink.storeUri);
  const job = await claimedJob(benchWorld(store, worldDirs(bench)), 'upload');
  const slot = await SlotTrainer.create(job.dirs.staging, bytes);
  const pipeline = pipelineOf(job, slot);
  const save = async (): Promise<void> => {
    const answer = await pipeline.committed(slot.stage((message) => pipeline.handle(message)));
    if (answer.outcome !== 'committed') throw new Error(`a save was given up: ${answer.why}`);
    // A codec may have made them fewer.
    if (answer.record.newBytes < bytes / 2) throw new Error('a chunk was known already');
    await pipeline.drained();
  };
  const body = await readFile(slot.file);
  const client = new S3Client({ endpoint: sink.endpoint, forcePathStyle: true });
  const uploadBySdk = async (): Promise<void> => {
    await new Upload({ client, params: { Bucket: 'bench', Key: 'lib-storage', Body: body } }).done();
  };
  let ordinal = 0;
  const fromMemory = (): Promise<void> => uploadFromMemory(store, body, ++ordinal);
  await save();
  await uploadBySdk();
  await fromMemory();
  const ours: Cost[] = [];
  const theirs: Cost[] = [];
  const inMemory: Cost[] = [];
  for (let at = 0; at < bench.runs; at++) {
    ours.push(await costOf(save));
    theirs.push(await costOf(uploadBySdk));
    inMemory.push(await costOf(fromMemory));
  }
  const curl = await tools(bench, [
    'curl',
    '-sS',
    '-o',
    join(bench.dir, 'answer'),
    '-T',
    slot.file,
    `${sink.endpoint}/bench/curl`,
  ]);
  const aws = await tools(bench, [
    'aws',
    's3',
    'cp',
    '--quiet',
    '--endpoint-url',
    sink.endpoint,
    slot.file,
    's3://bench/aws',
  ]);
  await finished(sink, client);
  await store.close();
  return findingsOf({ bytes, ours, theirs, inMemory, curl, aws });
}

async function finished(sink: Sink, client: S3Client): Promise<void> {
  client.destroy();
  await sink.clear();
}

async function costOf(act: () => Promise<void>): Promise<Cost> {
  const since = process.cpuUsage();
  const startedMs = systemClock.monotonicMs();
  await act();
  return { seconds: (systemClock.monotonicMs() - startedMs) / 1_000, cpuSeconds: cpuSeconds(since) };
}

/** A command as often as everything else; undefined where it is not installed. */
async function tools(bench: Bench, command: readonly string[]): Promise<readonly Cost[] | undefined> {
  const costs: Cost[] = [];
  for (let at = 0; at < bench.runs; at++) {
    const before = endedChildrenCpuSeconds() ?? Number.NaN;
    const startedMs = systemClock.monotonicMs();
    const end = await ended(command);
    if (end === 'missing') return undefined;
    const seconds = (systemClock.monotonicMs() - startedMs) / 1_000;
    costs.push({ seconds, cpuSeconds: (endedChildrenCpuSeconds() ?? Number.NaN) - before });
  }
  return costs;
}

async function ended([command = '', ...args]: readonly string[]): Promise<'done' | 'missing'> {
  const child = spawn(command, args, { stdio: ['ignore', 2, 2] });
  try {
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`${command} ended with ${String(code)}`);
    return 'done';
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'missing';
    throw error;
  }
}

interface Figures {
  readonly bytes: number;
  readonly ours: readonly Cost[];
  readonly theirs: readonly Cost[];
  readonly inMemory: readonly Cost[];
  readonly curl: readonly Cost[] | undefined;
  readonly aws: readonly Cost[] | undefined;
}

function findingsOf({ bytes, ours, theirs, inMemory, curl, aws }: Figures): Record<string, Finding> {
  const gigabytes = bytes / 1e9;
  const perGb = (costs: readonly Cost[]): number => median(costs.map((cost) => cost.cpuSeconds)) / gigabytes;
  const speed = (costs: readonly Cost[]): number => gigabytes / median(costs.map((cost) => cost.seconds));
  const raw = {
    bytes,
    productCpuSecondsPerGb: perGb(ours),
    inMemoryCpuSecondsPerGb: perGb(inMemory),
    inMemoryGbPerSecond: speed(inMemory),
    libStorageCpuSecondsPerGb: perGb(theirs),
    ...(curl !== undefined && { curlCpuSecondsPerGb: perGb(curl) }),
    ...(aws !== undefined && { awsCliCpuSecondsPerGb: perGb(aws) }),
    productGbPerSecond: speed(ours),
    libStorageGbPerSecond: speed(theirs),
    ...(curl !== undefined && { curlGbPerSecond: speed(curl) }),
    ...(aws !== undefined && { awsCliGbPerSecond: speed(aws) }),
  };
  const against = (peers: readonly Cost[] | undefined, name: string): Finding =>
    peers === undefined
      ? { why: `${name} is not installed on this machine` }
      : { values: ours.map(({ seconds }, at) => (peers[at]?.seconds ?? Number.NaN) / seconds), raw };
  return {
    'cpu-per-gb': { values: inMemory.map((cost) => cost.cpuSeconds / gigabytes), raw },
    'cpu-per-gb-staged': { values: ours.map((cost) => cost.cpuSeconds / gigabytes), raw },
    'cpu-vs-lib-storage': {
      values: ours.map((cost, at) => cost.cpuSeconds / (theirs[at]?.cpuSeconds ?? Number.NaN)),
      raw,
    },
    'throughput-vs-lib-storage': against(theirs, 'lib-storage'),
    'throughput-vs-curl': against(curl, 'curl'),
    'throughput-vs-aws-cli': against(aws, 'the AWS CLI'),
  };
}
