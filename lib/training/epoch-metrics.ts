import type { MetricValues } from './tensors.ts';

/** Sum and count of one metric over the running epoch. */
export interface MetricSum {
  readonly sum: number;
  readonly count: number;
}
export type MetricSums = Readonly<Record<string, MetricSum>>;

/** The sums with one more step. A metric that a step leaves out counts only the steps that report it. */
export function addMetrics(sums: MetricSums, metrics: MetricValues): MetricSums {
  const added: Record<string, MetricSum> = { ...sums };
  for (const [name, value] of Object.entries(metrics)) {
    const { sum, count } = sums[name] ?? { sum: 0, count: 0 };
    added[name] = { sum: sum + value, count: count + 1 };
  }
  return added;
}

export function meansOf(sums: MetricSums): MetricValues {
  return Object.fromEntries(Object.entries(sums).map(([name, { sum, count }]) => [name, sum / count]));
}
