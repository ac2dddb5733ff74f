import type { StepRecord } from '../../lib/contract/step-record.ts';
import { type Leg, numberOf } from './compare-runs.ts';
import type { Verification } from './verify-program.ts';

export interface CurvePoint {
  readonly step: number;
  readonly value: number;
}

/** One metric of the uninterrupted run and of each process of the interrupted ones. */
export interface LossCurves {
  readonly metric: string;
  readonly reference: readonly CurvePoint[];
  /** Each run, process by process: steps that were lost are there twice. */
  readonly interrupted: readonly (readonly (readonly CurvePoint[])[])[];
  /** Steps at which processes were killed. */
  readonly killedAtSteps: readonly number[];
  /** Where the runs part. */
  readonly divergedAtStep: number | undefined;
}

/** The curves of the loss, or of the first metric where there is none; undefined where steps return no metric. */
export function lossCurves(verification: Verification): LossCurves | undefined {
  const { reference, interrupted, points, divergence } = verification;
  const metric = metricOf([reference, ...interrupted.flat()]);
  if (metric === undefined) return undefined;
  return {
    metric,
    reference: curveOf(reference.records, metric),
    interrupted: interrupted.map((legs) => legs.map(({ records }) => curveOf(records, metric))),
    killedAtSteps: points.map(({ killedAtStep }) => killedAtStep),
    divergedAtStep: divergence?.step,
  };
}

/** Least and greatest value, and the last step. There may be more points than a call takes arguments. */
export function boundsOf(points: readonly CurvePoint[]): {
  readonly least: number;
  readonly most: number;
  readonly steps: number;
} {
  return points.reduce(
    ({ least, most, steps }, { step, value }) => ({
      least: Math.min(least, value),
      most: Math.max(most, value),
      steps: Math.max(steps, step),
    }),
    { least: Infinity, most: -Infinity, steps: 1 },
  );
}

function metricOf(legs: readonly Leg[]): string | undefined {
  for (const { records } of legs) {
    for (const record of records) {
      if (record.kind !== 'step') continue;
      const names = Object.keys(record.metrics);
      return names.includes('loss') ? 'loss' : names[0];
    }
  }
  return undefined;
}

function curveOf(records: readonly StepRecord[], metric: string): readonly CurvePoint[] {
  return records.flatMap((record) => {
    const bits = record.kind === 'step' ? record.metrics[metric] : undefined;
    const value = bits === undefined ? Number.NaN : numberOf(bits);
    return Number.isFinite(value) ? [{ step: record.step, value }] : [];
  });
}
