import { generateTraces } from '../../lib/simulation/generate-traces.ts';
import { readTraces } from '../../lib/simulation/read-traces.ts';
import { simulateFleet } from '../../lib/simulation/simulate.ts';
import { simulationOptions } from '../../lib/simulation/simulation-options.ts';
import type { Trace } from '../../lib/simulation/trace.ts';
import { atLeast, type Bench, type Finding, type Row, type Subject } from '../harness/row.ts';
import { median } from '../harness/statistics.ts';

const sizes = [
  { gigabytes: 1, goal: 0.997 },
  { gigabytes: 10, goal: 0.993 },
] as const;

/** As much of the recordings as a quick run has time for; a full one takes all. */
const quickTraces = 6;

const oracle = 'an oracle that pays for boot and raw download only';
const rows = sizes.flatMap(({ gigabytes, goal }): readonly Row[] => [
  {
    id: `goodput-${gigabytes}gb`,
    title: `Goodput with ${gigabytes} GB of state, 5 % of notices missed, all traces together`,
    unit: '×',
    peer: oracle,
    goal: atLeast(goal),
  },
  {
    id: `goodput-${gigabytes}gb-worst-trace`,
    title: `The same on the worst single trace, ${gigabytes} GB`,
    unit: '×',
    peer: oracle,
    better: 'higher',
  },
]);

/** The real policies on a virtual clock over Spot machines of the past. Runs differ in which notices are missed. */
export const goodput: Subject = { id: 'goodput', rows, measure };

async function measure(bench: Bench): Promise<Record<string, Finding>> {
  const { traces, source } = await tracesOf(bench);
  const findings: Record<string, Finding> = {};
  for (const { gigabytes } of sizes) {
    const pooled: number[] = [];
    const worst: number[] = [];
    const peers: Record<string, number[]> = {};
    let worstName = '';
    for (let seed = 1; seed <= bench.runs; seed++) {
      const options = simulationOptions({
        stateBytes: gigabytes * 1e9,
        missedShare: 0.05,
        repeats: 1,
        seed,
        onlyOurs: bench.isQuick,
      });
      const { policies } = simulateFleet(traces, options);
      const [ours] = policies;
      if (ours === undefined) throw new Error('the simulation has no policy of ours');
      pooled.push(ours.ofOracle);
      worst.push(ours.worst?.ofOracle ?? Number.NaN);
      worstName = ours.worst?.trace ?? worstName;
      for (const { policy, ofOracle } of policies.slice(1)) (peers[policy] ??= []).push(ofOracle);
    }
    const shares = Object.entries(peers).map(([policy, values]): [string, number] => [
      policy,
      median(values),
    ]);
    const raw = { source, traces: traces.length, ...Object.fromEntries(shares) };
    findings[`goodput-${gigabytes}gb`] = { values: pooled, raw };
    findings[`goodput-${gigabytes}gb-worst-trace`] = {
      values: worst,
      raw: { source, worstTrace: worstName },
    };
  }
  return findings;
}

async function tracesOf(
  bench: Bench,
): Promise<{ readonly traces: readonly Trace[]; readonly source: string }> {
  if (bench.traces === undefined) {
    const traces = generateTraces({ seed: 1, count: bench.isQuick ? quickTraces : 40 });
    return {
      traces,
      source: 'generated with published up-time statistics, since no recordings were given (`--traces`)',
    };
  }
  const { traces } = await readTraces([bench.traces]);
  const every = bench.isQuick ? Math.max(1, Math.floor(traces.length / quickTraces)) : 1;
  return { traces: traces.filter((_, at) => at % every === 0), source: 'recorded traces' };
}
