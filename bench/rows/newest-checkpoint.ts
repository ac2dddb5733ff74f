import { join } from 'node:path';
import { assert, defined } from '../../lib/base/assert.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { silentLog } from '../../lib/base/log.ts';
import { systemRandom } from '../../lib/base/random.ts';
import { commitCheckpoint } from '../../lib/checkpoint/commit.ts';
import { locateCheckpoints } from '../../lib/checkpoint/locate.ts';
import { readManifest } from '../../lib/checkpoint/read-manifest.ts';
import { restoreNewest } from '../../lib/checkpoint/restore.ts';
import type { UploadedCheckpoint } from '../../lib/checkpoint/upload.ts';
import { openStore } from '../../lib/client/region.ts';
import { checkpointIdOf, objectKeys } from '../../lib/contract/object-keys.ts';
import { type JournalPorts, openJournal } from '../../lib/journal/journal.ts';
import { MemoryObjectStore } from '../../lib/store/memory-object-store.ts';
import type { StoredObject } from '../../lib/store/object-store.ts';
import { memorySource } from '../harness/memory-source.ts';
import { atMost, type Bench, type Finding, type Row, type Subject } from '../harness/row.ts';
import { saveCheckpoint } from '../harness/save-checkpoint.ts';
import { median, sum } from '../harness/statistics.ts';
import { benchWorld, claimAgain, claimedJob, worldDirs } from '../harness/supervised-job.ts';
import { type Sink, startSink } from '../sink/start-sink.ts';

const histories = [10, 1_000, 10_000] as const;
const longest = histories[histories.length - 1] ?? 0;
/** More than are kept, so that all that are have their files. */
const uploadedLast = 6;
const position = { epoch: 0, example: 0, reason: 'policy' } as const;
/** A resume of a few bytes takes some milliseconds: one run is the median of this many. */
const looks = 9;

const rows: readonly Row[] = [
  ...histories.map((count) => ({
    id: `newest-checkpoint-requests-${count}`,
    title: `Requests to find and read the newest of ${count.toLocaleString('en')} checkpoints`,
    unit: 'requests',
    peer: 'counted by the store: journal and manifest, without the chunks',
    goal: atMost(5),
    judgedBy: 'worst' as const,
  })),
  {
    id: 'newest-checkpoint-time',
    title: `Time to find and read the newest of ${longest.toLocaleString('en')} checkpoints`,
    unit: '×',
    peer: `the same with ${histories[0]} checkpoints`,
    goal: atMost(1.05),
  },
];

/** What a resume costs however long the job's history is: everything but the bytes of the state. */
export const newestCheckpoint: Subject = { id: 'newest-checkpoint', rows, measure };

async function measure(bench: Bench): Promise<Record<string, Finding>> {
  await using sink = await startSink(bench.entry('sink-process'));
  const store = await openStore(sink.storeUri);
  for (const count of histories) await sink.fill(await history(bench, count));
  const ports = { store, clock: systemClock, random: systemRandom };
  const findings: Record<string, Finding> = {};
  for (const count of histories) {
    const found: number[] = [];
    for (let at = 0; at < bench.runs; at++) found.push(await requestsToFind(ports, sink, count));
    findings[`newest-checkpoint-requests-${count}`] = {
      values: found,
      raw: { requests: median(found) },
    };
  }
  findings['newest-checkpoint-time'] = await timeRatio(bench, ports);
  for (const count of histories) {
    const resume = await requestsToResume(bench, ports, { sink, count });
    const id = `newest-checkpoint-requests-${count}`;
    const finding = findings[id];
    if (finding !== undefined && 'raw' in finding)
      findings[id] = { ...finding, raw: { ...finding.raw, withClaimAndChunk: resume } };
  }
  await store.close();
  return findings;
}

const jobOf = (count: number): string => `history-${count}`;

/** Objects of a job that has committed `count` checkpoints, made in memory by the code that commits them. */
async function history(bench: Bench, count: number): Promise<readonly StoredObject[]> {
  const store = new MemoryObjectStore({ clock: systemClock });
  const job = await claimedJob(benchWorld(store, worldDirs(bench)), jobOf(count));
  const { keep } = job.spec;
  const save = (ordinal: number, parent?: UploadedCheckpoint): Promise<UploadedCheckpoint> => {
    const source = memorySource({ 'state.bin': Buffer.from(`state ${ordinal}`) });
    return saveCheckpoint(job, { source, ordinal, parent, keep });
  };
  const first = await save(1);
  // Files of those that were dropped long ago are gone; their entries are what makes a history long.
  for (let ordinal = 2; ordinal <= count - uploadedLast; ordinal++)
    await commitCheckpoint(job.claim, { ...position, uploaded: withoutFiles(first, ordinal), keep });
  let parent: UploadedCheckpoint | undefined;
  for (let ordinal = count - uploadedLast + 1; ordinal <= count; ordinal++)
    parent = await save(ordinal, parent);
  const objects: StoredObject[] = [];
  let after: string | undefined;
  do {
    const page = await store.list(objectKeys.job(jobOf(count)), after === undefined ? {} : { after });
    for (const { key } of page.objects)
      objects.push(defined(await store.get(key), 'a listed object is there'));
    after = page.next;
  } while (after !== undefined);
  return objects;
}

/** The entry of a checkpoint whose files nobody will look for. */
function withoutFiles(like: UploadedCheckpoint, ordinal: number): UploadedCheckpoint {
  const name = { ...like.name, ordinal, step: ordinal };
  return { ...like, name, id: checkpointIdOf(name), manifest: { ...like.manifest, files: [] } };
}

/** What a reader asks: the journal from its hint on, and the manifest of the newest checkpoint. */
async function find(ports: JournalPorts, count: number): Promise<void> {
  const { state } = await openJournal(ports, jobOf(count));
  const located = locateCheckpoints(state);
  assert(located.outcome === 'history', 'the job has checkpoints');
  const record = defined(located.chain[0], 'the newest checkpoint is good');
  assert(record.step === count, 'the newest checkpoint is found', { step: record.step });
  const signal = new AbortController().signal;
  await readManifest({ ...ports, log: silentLog }, { jobId: state.jobId, record, signal });
}

async function requestsToFind(ports: JournalPorts, sink: Sink, count: number): Promise<number> {
  await sink.counted();
  await find(ports, count);
  return sum(Object.values((await sink.counted()).requests));
}

/** The whole of it, for comparison: with the claim, its hint, and one chunk. */
async function requestsToResume(
  bench: Bench,
  ports: JournalPorts,
  about: { sink: Sink; count: number },
): Promise<number> {
  const { sink, count } = about;
  const world = benchWorld(ports.store, worldDirs(bench));
  await sink.counted();
  const { claim } = await claimAgain(world, { jobId: jobOf(count), program: { kind: 'training' } });
  const signal = new AbortController().signal;
  await restoreNewest(claim, { ...world, dir: join(bench.dir, 'restored'), signal });
  return sum(Object.values((await sink.counted()).requests));
}

/** Long and short histories in turn; the control is short against short. */
async function timeRatio(bench: Bench, ports: JournalPorts): Promise<Finding> {
  const [short] = histories;
  const timed = async (count: number): Promise<number> => {
    const elapsed: number[] = [];
    for (let at = 0; at < looks; at++) {
      const startedMs = systemClock.monotonicMs();
      await find(ports, count);
      elapsed.push(systemClock.monotonicMs() - startedMs);
    }
    return median(elapsed);
  };
  await timed(longest);
  await timed(short);
  const times = { short: [] as number[], again: [] as number[], long: [] as number[] };
  for (let at = 0; at < bench.runs; at++) {
    times.short.push(await timed(short));
    times.long.push(await timed(longest));
    times.again.push(await timed(short));
  }
  return {
    values: times.long.map((ms, at) => (2 * ms) / ((times.short[at] ?? 0) + (times.again[at] ?? 0))),
    control: times.again.map((ms, at) => ms / (times.short[at] ?? Number.NaN)),
    raw: { shortMs: median(times.short), longMs: median(times.long) },
  };
}
