import { systemClock } from '../../lib/base/clock.ts';
import { openStore } from '../../lib/client/region.ts';
import { bundleStateProgram } from '../harness/host-trainer.ts';
import { rawDownload } from '../harness/raw-transfer.ts';
import { resumableJob, resumeOnce } from '../harness/resumable-job.ts';
import { atMost, type Bench, type Finding, type Row, type Subject } from '../harness/row.ts';
import { median, ratios } from '../harness/statistics.ts';
import { benchWorld, worldDirs } from '../harness/supervised-job.ts';
import { startSink } from '../sink/start-sink.ts';

/** GB/s. */
const lines = [0.3, 0.6] as const;
/** What a start may take besides the download: a process, TensorFlow.js, requests, the tensors. */
const fixedSeconds = 0.6;

const rows: readonly Row[] = [
  {
    id: 'resume-fixed',
    title: 'From a ticket to the first step with next to nothing to restore',
    unit: 's',
    peer: 'the clock; trainer process and TensorFlow.js start in it',
    goal: atMost(fixedSeconds),
  },
  ...lines.map((speed) => ({
    id: `resume-${speed}`,
    title: `From a ticket to the first step less ${fixedSeconds} s, line of ${speed} GB/s`,
    unit: '×',
    peer: 'plain GETs of the same bytes into static buffers over the same line',
    goal: atMost(1.1),
  })),
];

/** A resume by a worker that is up: the real restore beside the real trainer process. */
export const resume: Subject = { id: 'resume', rows, measure };

async function measure(bench: Bench): Promise<Record<string, Finding>> {
  await using sink = await startSink(bench.entry('sink-process'));
  await sink.set({ keep: true });
  const store = await openStore(sink.storeUri);
  const world = benchWorld(store, worldDirs(bench));
  const findings: Record<string, Finding> = {};

  const program = await bundleStateProgram(bench.dir);
  const [small, large] = await Promise.all([
    resumableJob(world, { program, jobId: 'small', megabytes: 1 }),
    resumableJob(world, { program, jobId: 'large', megabytes: bench.isQuick ? 32 : 768 }),
  ]);
  const fixedMs: number[] = [];
  for (let at = 0; at < bench.runs; at++) fixedMs.push((await resumeOnce(small)).elapsedMs);
  findings['resume-fixed'] = { values: fixedMs.map((ms) => ms / 1_000), raw: { fixedMs: median(fixedMs) } };

  const keys = large.chunks.map((key) => `bench/store/${key}`);
  for (const speed of lines) {
    await sink.set({ bytesPerSecond: speed * 1e9 });
    const times = { resumeMs: [] as number[], restoredMs: [] as number[], rawMs: [] as number[] };
    for (let at = 0; at < bench.runs; at++) {
      const { elapsedMs, restoredMs } = await resumeOnce(large);
      times.resumeMs.push(elapsedMs);
      times.restoredMs.push(restoredMs);
      times.rawMs.push(await rawMs(sink.endpoint, keys));
    }
    const beyondMs = times.resumeMs.map((ms) => ms - fixedSeconds * 1_000);
    findings[`resume-${speed}`] = {
      values: ratios(beyondMs, times.rawMs),
      raw: {
        bytes: large.bytes,
        resumeMs: median(times.resumeMs),
        restoredMs: median(times.restoredMs),
        rawDownloadMs: median(times.rawMs),
        verifiedPerRaw: median(times.restoredMs) / median(times.rawMs),
      },
    };
  }
  await store.close();
  return findings;
}

async function rawMs(endpoint: string, keys: readonly string[]): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  await rawDownload(endpoint, keys);
  return systemClock.monotonicMs() - startedMs;
}
