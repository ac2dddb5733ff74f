import { join } from 'node:path';
import { openStore } from '../../lib/client/region.ts';
import { bundleStateProgram, changeState, HostTrainer, isFirstStep } from '../harness/host-trainer.ts';
import { allocatedBytes, descendants, residentBytes } from '../harness/memory-of.ts';
import { peakDuring } from '../harness/peak-sampler.ts';
import { type ResumableJob, resumableFrom, resumeOnce } from '../harness/resumable-job.ts';
import { atMost, type Bench, type Finding, type Row, type Subject } from '../harness/row.ts';
import { benchWorld, claimedJob, pipelineOf, worldDirs } from '../harness/supervised-job.ts';
import { type Sink, startSink } from '../sink/start-sink.ts';
import type { World } from '../../job/world.ts';

const peer = 'bytes of the state; the live state itself and processes with a state of 1 MB are taken off';
const rows: readonly Row[] = [
  {
    id: 'memory-peak-flush',
    title: 'Peak memory of a save beyond the live state, slots in memory counted',
    unit: '×',
    peer,
    goal: atMost(3),
    judgedBy: 'worst',
  },
  {
    id: 'memory-peak-restore',
    title: 'Peak memory of a resume beyond the live state, slots in memory counted',
    unit: '×',
    peer,
    goal: atMost(3),
    judgedBy: 'worst',
  },
];

/** What trainer and supervisor take together, with everything that lies in shared memory. */
export const memory: Subject = { id: 'memory', rows, measure };

/** A gigabyte in a full run; the ratio hardly depends on it once the buffers of the lanes are small beside it. */
const fullMegabytes = 1024;
const quickMegabytes = 64;

async function measure(bench: Bench): Promise<Record<string, Finding>> {
  if (process.platform !== 'linux') {
    const why = 'memory of processes is read from /proc, which only Linux has';
    return Object.fromEntries(rows.map(({ id }) => [id, { why }]));
  }
  const megabytes = bench.isQuick ? quickMegabytes : fullMegabytes;
  await using sink = await startSink(bench.entry('sink-process'));
  const store = await openStore(sink.storeUri);
  const world = benchWorld(store, worldDirs(bench));
  const meter = new Meter(bench, sink);
  const trial = { bench, world, meter, sink, program: await bundleStateProgram(bench.dir) };
  const small = await peaksOfSaves(trial, { jobId: 'small', megabytes: 1, runs: 1 });
  const large = await peaksOfSaves(trial, { jobId: 'large', megabytes, runs: bench.runs });
  const base = await peaksOfResumes(trial, small, 1);
  const resumes = await peaksOfResumes(trial, large, bench.runs);
  await store.close();
  return {
    'memory-peak-flush': beyond(large.peaks, { base: Math.min(...small.peaks), megabytes }),
    'memory-peak-restore': beyond(resumes, { base: Math.min(...base), megabytes }),
  };
}

function beyond(
  peaks: readonly number[],
  { base, megabytes }: { readonly base: number; readonly megabytes: number },
): Finding {
  const state = megabytes * 1024 * 1024;
  return {
    values: peaks.map((peak) => (peak - base - state) / state),
    raw: { stateBytes: state, peakBytes: Math.max(...peaks), baseBytes: base },
  };
}

/** Looks at memory between two looks at which processes there are: a trainer lives for seconds. */
const looksPerListing = 8;

/** Resident memory of this process and its trainers, and what lies in shared memory. */
class Meter {
  readonly #bench: Bench;
  readonly #sinkPid: number;
  #processes: readonly number[] = [];
  #looks = 0;

  constructor(bench: Bench, sink: Sink) {
    this.#bench = bench;
    this.#sinkPid = sink.pid;
  }

  read(): number {
    if (this.#looks++ % looksPerListing === 0)
      this.#processes = [process.pid, ...descendants().filter((pid) => pid !== this.#sinkPid)];
    const resident = this.#processes.reduce((total, pid) => total + residentBytes(pid), 0);
    return resident + allocatedBytes(this.#bench.memoryDir);
  }
}

interface Trial {
  readonly bench: Bench;
  readonly world: World;
  readonly meter: Meter;
  readonly sink: Sink;
  readonly program: string;
}

interface Saved {
  readonly peaks: readonly number[];
  /** The same job, as its last checkpoint left it. */
  readonly resumable: ResumableJob;
}

/** While a snapshot is held the whole state changes, so that two of it are there. */
async function peaksOfSaves(
  { bench, world, meter, sink, program }: Trial,
  one: { readonly jobId: string; readonly megabytes: number; readonly runs: number },
): Promise<Saved> {
  const { jobId, megabytes, runs } = one;
  const flag = join(bench.dir, `${jobId}-change`);
  const job = await claimedJob(world, jobId, { megabytes, flag });
  const host = new HostTrainer(job, program, { resuming: false });
  const pipeline = pipelineOf(job, host.trainer);
  host.listen((message) => pipeline.handle(message));
  host.trainer.send({ kind: 'fresh' });
  await host.saw('its first step', isFirstStep);
  const peaks: number[] = [];
  // The first save is a warm-up: it opens connections and touches slots.
  for (let at = -1; at < runs; at++) {
    const peak = await peakDuring(
      () => meter.read(),
      async () => {
        const asked = pipeline.request('policy', { halt: false });
        await changeState(flag);
        const answer = await asked;
        if (answer.outcome !== 'committed') throw new Error(`a save was given up: ${answer.why}`);
      },
    );
    if (at >= 0) peaks.push(peak);
  }
  // Nobody reads those before; this one is resumed from.
  await sink.set({ keep: true });
  const resumable = await resumableFrom({ job, program, host, pipeline });
  await sink.set({});
  return { peaks, resumable };
}

async function peaksOfResumes(
  { meter }: Trial,
  { resumable }: Saved,
  runs: number,
): Promise<readonly number[]> {
  const peaks: number[] = [];
  for (let at = 0; at < runs; at++)
    peaks.push(
      await peakDuring(
        () => meter.read(),
        () => resumeOnce(resumable),
      ),
    );
  return peaks;
}
