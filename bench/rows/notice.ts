import { join } from 'node:path';
import { systemClock } from '../../lib/base/clock.ts';
import { openStore } from '../../lib/client/region.ts';
import { chunkBytes } from '../../lib/contract/manifest.ts';
import { bundleStateProgram, changeState, HostTrainer, isFirstStep } from '../harness/host-trainer.ts';
import { noiseBytes } from '../harness/noise.ts';
import { RawUploader } from '../harness/raw-transfer.ts';
import { atMost, type Bench, type Finding, type Row, type Subject } from '../harness/row.ts';
import { median, ratios } from '../harness/statistics.ts';
import { benchWorld, claimedJob, pipelineOf, worldDirs } from '../harness/supervised-job.ts';
import { startSink } from '../sink/start-sink.ts';

/** GB/s of the smallest GPU instances' lines, and the goal at each. */
const lines = [
  { speed: 0.3, goal: 1.05 },
  { speed: 0.6, goal: 1.08 },
] as const;

const rows = lines.map(({ speed, goal }): Row => ({
  id: `notice-to-durable-${speed}`,
  title: `From a notice to the journal's commit, line of ${speed} GB/s`,
  unit: '×',
  peer: 'plain node:http PUTs of the same bytes over the same line',
  goal: atMost(goal),
}));

/** A save for a notice as a worker takes it: the real trainer process stages, the real pipeline makes it durable. */
export const notice: Subject = { id: 'notice', rows, measure };

async function measure(bench: Bench): Promise<Record<string, Finding>> {
  const megabytes = bench.isQuick ? 48 : 1_024;
  await using sink = await startSink(bench.entry('sink-process'));
  const store = await openStore(sink.storeUri);
  const world = benchWorld(store, worldDirs(bench));
  const flag = join(bench.dir, 'change');
  const job = await claimedJob(world, 'notice', { megabytes, flag });
  const host = new HostTrainer(job, await bundleStateProgram(bench.dir), { resuming: false });
  const pipeline = pipelineOf(job, host.trainer);
  host.listen((message) => pipeline.handle(message));
  host.trainer.send({ kind: 'fresh' });
  await host.saw('its first step', isFirstStep);
  const raw = new RawUploader(sink.endpoint, noiseBytes(chunkBytes, 1));
  const save = async (): Promise<{
    readonly ms: number;
    readonly bytes: number;
    readonly newBytes: number;
  }> => {
    const startedMs = systemClock.monotonicMs();
    const answer = await pipeline.request('notice', { halt: false, noticeAtMs: startedMs });
    if (answer.outcome !== 'committed') throw new Error(`a save was given up: ${answer.why}`);
    return {
      ms: systemClock.monotonicMs() - startedMs,
      bytes: answer.record.bytes,
      newBytes: answer.record.newBytes,
    };
  };
  // The first one opens connections and touches slots, as a periodic save has long done when a notice comes.
  const { bytes } = await save();
  await raw.put(bytes);
  const findings: Record<string, Finding> = {};
  for (const { speed } of lines) {
    await sink.set({ bytesPerSecond: speed * 1e9 });
    const productMs: number[] = [];
    const rawMs: number[] = [];
    for (let at = 0; at < bench.runs; at++) {
      await changeState(flag);
      const saved = await save();
      // A codec may have made them fewer; chunks that were known already would make half of them.
      if (saved.newBytes < bytes / 2) throw new Error(`only ${saved.newBytes} of ${bytes} bytes were new`);
      productMs.push(saved.ms);
      rawMs.push(await timed(() => raw.put(bytes)));
    }
    findings[`notice-to-durable-${speed}`] = {
      values: ratios(productMs, rawMs),
      raw: {
        bytes,
        noticeToDurableMs: median(productMs),
        rawUploadMs: median(rawMs),
        lineMs: bytes / speed / 1e6,
      },
    };
    await sink.set({});
  }
  raw.close();
  await host.stop();
  await store.close();
  return findings;
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  await act();
  return systemClock.monotonicMs() - startedMs;
}
