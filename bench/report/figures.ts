import type { BenchResult } from '../harness/judge.ts';

/** A number as people read it: three digits that mean something. */
export function figure(value: number | null): string {
  if (value === null || Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(2);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.9 && size < 1.1 ? 4 : 3;
  return value.toFixed(digits);
}

export function withUnit(value: number | null, unit: string): string {
  return value === null ? '–' : unit === '×' ? `${figure(value)} ×` : `${figure(value)} ${unit}`;
}

export function goalText({ goal, direction, unit, otherwise }: BenchResult): string {
  if (goal === null) return 'none';
  const bound = `${direction === 'at-least' ? '≥' : '≤'} ${unit === '×' ? goal : `${goal} ${unit}`}`;
  return otherwise === undefined ? bound : `${bound}, or ${otherwise}`;
}

export function metText({ met }: BenchResult): string {
  return met === null ? 'not judged' : met ? 'met' : '**not met**';
}
