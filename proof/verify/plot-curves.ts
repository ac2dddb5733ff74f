/** Loss curves as text, for a terminal. */
import { boundsOf, type CurvePoint, type LossCurves } from './loss-curves.ts';

const rows = 9;
const labelColumns = 9;
const columnsMax = 100;
/** Narrower, nothing could be told apart. */
const columnsMin = 20;

/** Where both runs are, one only, and where a process was killed. */
const marks = { both: '•', reference: '·', interrupted: '×', killed: '▲' } as const;

/** @param columns of the terminal */
export function plotCurves(curves: LossCurves, columns: number): readonly string[] {
  const { metric, reference, interrupted, killedAtSteps } = curves;
  const all = [...reference, ...interrupted.flat(2)];
  if (all.length === 0) return [];
  const width = Math.max(columnsMin, Math.min(columnsMax, columns) - labelColumns - 2);
  const { least, most, steps } = boundsOf(all);
  const column = (step: number): number => Math.min(width - 1, Math.floor(((step - 1) / steps) * width));
  const row = (value: number): number =>
    most === least ? 0 : Math.round(((most - value) / (most - least)) * (rows - 1));
  const cellsOf = (points: readonly CurvePoint[]): ReadonlySet<number> =>
    new Set(points.map(({ step, value }) => row(value) * width + column(step)));
  const [ours, theirs] = [cellsOf(reference), cellsOf(interrupted.flat(2))];
  const lines = Array.from({ length: rows }, (_, y) => {
    const label = y === 0 ? most.toPrecision(4) : y === rows - 1 ? least.toPrecision(4) : '';
    const cells = Array.from({ length: width }, (__, x) => markAt(y * width + x, ours, theirs));
    return `${label.padStart(labelColumns)} │${cells.join('')}`.trimEnd();
  });
  const killed = new Set(killedAtSteps.map((step) => column(Math.max(1, step))));
  const kills = Array.from({ length: width }, (_, x) => (killed.has(x) ? marks.killed : ' '));
  return [
    ...lines,
    `${' '.repeat(labelColumns)} └${'─'.repeat(width)}`,
    `${' '.repeat(labelColumns + 2)}${kills.join('')}`.trimEnd(),
    `${' '.repeat(labelColumns + 2)}${metric} by step, 1 to ${steps}: ${marks.both} both, ${marks.reference} left alone, ${marks.interrupted} interrupted, ${marks.killed} killed`,
  ];
}

function markAt(cell: number, ours: ReadonlySet<number>, theirs: ReadonlySet<number>): string {
  if (ours.has(cell)) return theirs.has(cell) ? marks.both : marks.reference;
  return theirs.has(cell) ? marks.interrupted : ' ';
}
