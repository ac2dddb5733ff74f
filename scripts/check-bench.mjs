// Reads the JSON of `npm run bench -- --json` from the standard input and says whether it is a whole report: every row, and
// for each a figure or the reason why there is none. What was measured is judged by nobody here: machines differ.
import { readFileSync } from 'node:fs';

/** The rows that the last published report had. */
const published = JSON.parse(readFileSync(new URL('../docs/performance.json', import.meta.url), 'utf8'));
const faults = [...faultsOf(parsed(readFileSync(0, 'utf8')))];
for (const fault of faults) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else console.error('the report is whole');

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function* faultsOf(report) {
  if (report === undefined) return yield 'this is no JSON.';
  if (report.schemaVersion !== 1) yield `schemaVersion is ${report.schemaVersion}, not 1.`;
  if (typeof report.machine !== 'object' || report.machine === null) yield 'no machine is told.';
  if (!Array.isArray(report.results)) return yield 'results is no list.';
  const ids = report.results.map(({ id }) => id);
  for (const { id } of published.results) if (!ids.includes(id)) yield `${id}: the row is missing.`;
  for (const id of new Set(ids))
    if (ids.filter((one) => one === id).length > 1) yield `${id}: the row is there twice.`;
  for (const row of report.results) for (const fault of faultsOfRow(row)) yield `${row.id}: ${fault}`;
}

function* faultsOfRow({ unit, peer, goal, value, met, median, worst, runs, why }) {
  if (typeof unit !== 'string' || typeof peer !== 'string') yield 'unit or peer is missing.';
  if (goal !== null && !Number.isFinite(goal)) yield 'its goal is no number.';
  if (typeof met !== 'boolean' && met !== null) yield 'met is neither true, false nor null.';
  if (met === null && (typeof why !== 'string' || why === ''))
    yield 'it is not judged, and no reason is given.';
  if (typeof why === 'string' && why.startsWith('the measurement broke')) yield why;
  const figures = [value, median, worst];
  if (figures.every((figure) => figure === null)) {
    if (met !== null) yield 'it is judged without a figure.';
    return;
  }
  if (!figures.every((figure) => Number.isFinite(figure))) yield 'a figure is no number.';
  if (!(runs >= 5)) yield `${runs} runs are too few.`;
}
