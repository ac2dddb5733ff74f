import { defined } from '../../lib/base/assert.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { sha256Hex } from '../../lib/base/digest.ts';
import type { UploadedCheckpoint } from '../../lib/checkpoint/upload.ts';
import { forkJob } from '../../lib/client/fork-job.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { MemoryObjectStore } from '../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import type { TensorFlow } from '../../lib/tfjs/backend.ts';
import type { Training } from '../../lib/training/define-training.ts';
import { takeSnapshot } from '../../lib/training/snapshot.ts';
import { memorySource } from '../harness/memory-source.ts';
import { noise } from '../harness/noise.ts';
import { type OpenRun, openRun } from '../harness/open-run.ts';
import { atMost, type Bench, type Finding, type Subject } from '../harness/row.ts';
import { saveCheckpoint } from '../harness/save-checkpoint.ts';
import { benchWorld, type ClaimedJob, claimedJob, worldDirs } from '../harness/supervised-job.ts';

const checkpoints = 20;
/** Of the newest one. */
const forks = 2;
/** From this checkpoint on the frozen layer is trained as well, as in fine-tuning. */
const unfrozenFrom = 15;
/** More than a chunk, so that one holds nothing else. */
const frozenBytes = 9 * 1024 * 1024;
const trainedBytes = { full: 3 * 1024 * 1024, quick: 256 * 1024 };

/**
 * What lies in the store after many checkpoints of one job and forks of it. Unique is what no job can do without: each
 * distinct chunk of its content, once. Tensors are told beside it: a tensor that did not change may share a chunk with one that did.
 */
export const storedBytes: Subject = {
  id: 'stored-bytes',
  rows: [
    {
      id: 'stored-vs-unique',
      title: `Bytes stored for ${checkpoints} checkpoints with a frozen layer, and ${forks} forks`,
      unit: '×',
      peer: 'distinct chunks of their content, each once a job',
      goal: atMost(1.01),
      judgedBy: 'worst',
    },
  ],
  measure,
};

async function measure(bench: Bench): Promise<Record<string, Finding>> {
  const layers: Layers = {};
  const { run, close } = await openRun('wasm', (tf) =>
    trainingOf(tf, layers, trainedBytes[bench.isQuick ? 'quick' : 'full']),
  );
  const sizes: Sizes[] = [];
  for (let at = 0; at < bench.runs; at++)
    sizes.push(await measureOnce(bench, { run, layers, jobId: `stored-${at}`, notesTensors: at === 0 }));
  close();
  const [first] = sizes;
  return {
    'stored-vs-unique': {
      values: sizes.map(({ stored, uniqueChunks }) => stored / uniqueChunks),
      raw: {
        storedBytes: first?.stored ?? 0,
        uniqueChunkBytes: first?.uniqueChunks ?? 0,
        uniqueTensorBytes: first?.uniqueTensors ?? 0,
        fullCopiesBytes: first?.full ?? 0,
      },
    },
  };
}

interface Sizes {
  readonly stored: number;
  readonly uniqueChunks: number;
  readonly uniqueTensors: number;
  readonly full: number;
}

/** What changes a layer, by its name. */
type Layers = { frozen?: () => void; trained?: () => void };

function trainingOf(tf: TensorFlow, layers: Layers, bytes: number): Training {
  const frozen = tf.variable(tf.tensor1d(noise(frozenBytes / 4, 1)));
  const trained = tf.variable(tf.tensor1d(noise(bytes / 4, 2)));
  layers.frozen = () => tf.tidy(() => frozen.assign(frozen.add(0.001)));
  layers.trained = () => tf.tidy(() => trained.assign(trained.add(0.001)));
  return { state: { frozen, trained }, until: { steps: checkpoints }, step() {} };
}

async function measureOnce(
  bench: Bench,
  one: {
    readonly run: OpenRun;
    readonly layers: Layers;
    readonly jobId: string;
    /** Only told beside the figure, and the same each time. */
    readonly notesTensors: boolean;
  },
): Promise<Sizes> {
  const store = new MemoryObjectStore({ clock: systemClock });
  const job = await claimedJob(benchWorld(store, worldDirs(bench)), one.jobId);
  const chunks = new Map<string, number>();
  const tensors = new Map<string, number>();
  let full = 0;
  let parent: UploadedCheckpoint | undefined;
  for (let ordinal = 1; ordinal <= checkpoints; ordinal++) {
    // The steps are done by hand, so that what changes is known.
    one.layers.trained?.();
    if (ordinal >= unfrozenFrom) one.layers.frozen?.();
    parent = await save(job, { run: one.run, ordinal, parent });
    full += parent.bytes;
    for (const file of parent.manifest.files)
      for (const { sha256, bytes } of file.chunks) chunks.set(sha256, bytes);
    if (one.notesTensors) noteTensors(one.run, tensors);
  }
  const stored = await bytesBelow(store, objectKeys.checkpoints(job.spec.jobId));
  const copies = await forksOf(job, defined(parent, 'there are checkpoints'));
  return {
    stored: stored + copies.stored,
    uniqueChunks: total(chunks) + copies.unique,
    uniqueTensors: total(tensors),
    full: full + copies.unique,
  };
}

/** Each fork has its own copy of what it begins with, so that nothing refers to another job: unique is counted per job. */
async function forksOf(
  { world, spec }: ClaimedJob,
  newest: UploadedCheckpoint,
): Promise<{ readonly stored: number; readonly unique: number }> {
  const { store, clock, random, timers, queue } = world;
  const place = { store: store.uri, queue: queue.uri, origin: 'flags', timers } as const;
  const region = {
    store,
    clock,
    random,
    timers,
    place,
    queue: () => Promise.resolve(queue),
    close: () => store.close(),
  };
  const distinct = new Map(
    newest.manifest.files.flatMap((file) =>
      file.chunks.map(({ sha256, bytes }): [string, number] => [sha256, bytes]),
    ),
  );
  let stored = 0;
  for (let at = 1; at <= forks; at++) {
    const jobId = `${spec.jobId}-fork-${at}`;
    await forkJob(region, { from: { jobId: spec.jobId, checkpoint: newest.id }, jobId, cwd: world.workDir });
    stored += await bytesBelow(store, objectKeys.checkpoints(jobId));
  }
  return { stored, unique: forks * total(distinct) };
}

interface Save {
  readonly run: OpenRun;
  readonly ordinal: number;
  readonly parent: UploadedCheckpoint | undefined;
}

async function save(job: ClaimedJob, { run, ordinal, parent }: Save): Promise<UploadedCheckpoint> {
  const snapshot = takeSnapshot(run);
  const files = snapshot.files.map(({ path, pieces }): [string, Uint8Array] => [
    path,
    // Views do: nothing is waited for in between.
    Buffer.concat(pieces.map((piece) => piece.view?.() ?? piece.read())),
  ]);
  snapshot.release();
  const source = memorySource(Object.fromEntries(files));
  return await saveCheckpoint(job, { source, ordinal, parent, keep: { last: checkpoints, best: false } });
}

function noteTensors({ state }: OpenRun, tensors: Map<string, number>): void {
  const held = state.hold();
  for (const { pieces } of held.files)
    for (const piece of pieces) tensors.set(sha256Hex(piece.read()), piece.bytes);
  held.release();
}

async function bytesBelow(store: ObjectStore, prefix: string): Promise<number> {
  let bytes = 0;
  let after: string | undefined;
  do {
    const page = await store.list(prefix, after === undefined ? {} : { after });
    for (const object of page.objects) bytes += object.bytes;
    after = page.next;
  } while (after !== undefined);
  return bytes;
}

function total(sizes: ReadonlyMap<string, number>): number {
  return [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
}
