import type { Finding, Goal, Measured, Row } from './row.ts';
import { controlSpread, median } from './statistics.ts';

/** One line of the report. */
export interface BenchResult {
  readonly id: string;
  readonly title: string;
  /** What is judged; null where nothing could be measured. */
  readonly value: number | null;
  readonly unit: string;
  readonly peer: string;
  /** The number; `direction` tells from which side. Null: told without a judgement. */
  readonly goal: number | null;
  readonly direction: Goal['kind'] | null;
  /** Null: not judged, and `why` says why. */
  readonly met: boolean | null;
  readonly why?: string;
  readonly median: number | null;
  readonly worst: number | null;
  /** How many. */
  readonly runs: number;
  readonly samples: readonly number[];
  /** The other way in which the goal may be met. */
  readonly otherwise?: string;
  /** How far same-versus-same strayed from 1. */
  readonly controlSpread?: number;
  readonly raw: Readonly<Record<string, number | string>>;
}

/** Holds a finding against the goal of its row. */
export function judge(row: Row, finding: Finding): BenchResult {
  const { id, title, unit, peer, goal } = row;
  const head = { id, title, unit, peer, goal: goal?.value ?? null, direction: goal?.kind ?? null };
  if ('why' in finding) {
    const none = { value: null, met: null, median: null, worst: null, runs: 0, samples: [], raw: {} };
    return { ...head, ...none, why: finding.why };
  }
  const middle = median(finding.values);
  const worst = worstOf(finding.values, row);
  const value = row.judgedBy === 'worst' ? worst : middle;
  const { otherwise, control } = finding;
  return {
    ...head,
    value,
    ...verdict(goal, value, finding),
    median: middle,
    worst,
    runs: finding.values.length,
    samples: finding.values,
    ...(otherwise !== undefined && { otherwise: otherwise.goal }),
    ...(control !== undefined && { controlSpread: controlSpread(control) }),
    raw: finding.raw ?? {},
  };
}

function verdict(
  goal: Goal | undefined,
  value: number,
  { control, otherwise }: Measured,
): { readonly met: boolean | null; readonly why?: string } {
  if (goal === undefined) return { met: null, why: 'told for comparison; no goal is set for it' };
  if (Number.isNaN(value)) return { met: null, why: 'no run gave a figure' };
  if (control !== undefined) {
    const spread = controlSpread(control);
    const margin = Math.abs(goal.value - 1);
    if (spread > margin) {
      const why = `same against same differs by ${percent(spread)} here, more than the ${percent(margin)} that the goal allows`;
      return { met: null, why };
    }
  }
  const isMet = goal.kind === 'at-most' ? value <= goal.value : value >= goal.value;
  return { met: isMet || otherwise?.isMet === true };
}

function worstOf(values: readonly number[], { goal, better }: Row): number {
  return goal?.kind === 'at-least' || better === 'higher' ? Math.min(...values) : Math.max(...values);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
