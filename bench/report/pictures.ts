import type { BenchResult } from '../harness/judge.ts';
import { type Bar, barChart } from './bar-chart.ts';
import { figure } from './figures.ts';

export interface Picture {
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

/** The pictures that the results give; none for what was not measured. */
export function pictures(results: readonly BenchResult[]): readonly Picture[] {
  return [againstGoals(results), pauses(results), cpuOfUploads(results)].flatMap((drawn) => drawn ?? []);
}

/** All judged ratios on one scale: at the line a goal is met by a hair. */
function againstGoals(results: readonly BenchResult[]): Picture | undefined {
  const bars = results.flatMap(({ id, value, goal, direction, met }): Bar[] => {
    if (value === null || goal === null || met === null || value <= 0 || goal <= 0) return [];
    const share = direction === 'at-least' ? goal / value : value / goal;
    return [{ label: id, value: share, kind: met ? 'ours' : 'bad', text: figure(share) }];
  });
  const title = 'Figures as a share of what their goal allows (log scale)';
  return picture('performance-goals.svg', { title, bars, scale: 'log', line: { value: 1, label: 'goal' } });
}

function pauses(results: readonly BenchResult[]): Picture | undefined {
  const bars = ['wasm', 'cpu'].flatMap((backend): Bar[] => {
    const pause = results.find(({ id }) => id === `pause-longest-${backend}`);
    if (pause === undefined || pause.value === null) return [];
    const bar = (what: string, value: unknown, kind: Bar['kind']): Bar[] =>
      typeof value === 'number'
        ? [{ label: `${backend}: ${what}`, value, kind, text: `${figure(value)} ms` }]
        : [];
    return [
      ...bar('longest pause of a checkpoint', pause.raw['pauseMs'], 'ours'),
      ...bar('copy of the state (memcpy)', pause.raw['memcpyMs'], 'peer'),
      ...bar('encodeWeights of TensorFlow.js', pause.raw['encodeWeightsMs'], 'peer'),
    ];
  });
  const title = 'How long training stands still for a checkpoint (log scale)';
  return picture('performance-pauses.svg', { title, bars, scale: 'log' });
}

function cpuOfUploads(results: readonly BenchResult[]): Picture | undefined {
  const row = results.find(({ id }) => id === 'cpu-per-gb');
  const names: ReadonlyArray<readonly [string, string, Bar['kind']]> = [
    ['productCpuSecondsPerGb', 'Holdfast', 'ours'],
    ['libStorageCpuSecondsPerGb', '@aws-sdk/lib-storage', 'peer'],
    ['curlCpuSecondsPerGb', 'curl (hashes nothing)', 'peer'],
    ['awsCliCpuSecondsPerGb', 'aws s3 cp', 'peer'],
  ];
  const bars = names.flatMap(([name, label, kind]): Bar[] => {
    const value = row?.raw[name];
    return typeof value === 'number' ? [{ label, value, kind, text: `${figure(value)} CPU-s/GB` }] : [];
  });
  return picture('performance-upload-cpu.svg', {
    title: 'CPU seconds for each GB that is made durable',
    bars,
  });
}

function picture(file: string, chart: Parameters<typeof barChart>[0]): Picture | undefined {
  return chart.bars.length === 0 ? undefined : { file, title: chart.title, svg: barChart(chart) };
}
