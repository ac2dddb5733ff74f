import type { BenchResult } from '../harness/judge.ts';
import { type BenchDocument, inOrderOfConcern } from './document.ts';
import { figure, goalText, metText, withUnit } from './figures.ts';

/** The results as one table, what is not met first. */
export function markdownTable(results: readonly BenchResult[]): string {
  const lines = inOrderOfConcern(results).map((result) => {
    const { id, title, unit, peer, value, worst, runs } = result;
    const cells = [`\`${id}\``, title, peer, withUnit(value, unit), withUnit(worst, unit), String(runs)];
    return `| ${[...cells, goalText(result), metText(result)].join(' | ')} |`;
  });
  return [
    '| Row | What | Against | Median | Worst | Runs | Goal | |',
    '| --- | --- | --- | ---: | ---: | ---: | --- | --- |',
    ...lines,
  ].join('\n');
}

export interface PageOptions {
  /** Why a goal is not met, by row id. */
  readonly explanations: Readonly<Record<string, string>>;
  readonly pictures: ReadonlyArray<{ readonly file: string; readonly title: string }>;
}

/** `docs/performance.md`: the goals that are not met and why, the table, the raw figures. */
export function performancePage(document: BenchDocument, { explanations, pictures }: PageOptions): string {
  const { machine, results, at, quick } = document;
  const unmet = results.filter(({ met }) => met === false);
  const open = results.filter(({ met, goal }) => met === null && goal !== null);
  const memory = `${(machine.memoryBytes / 1e9).toFixed(0)} GB`;
  const where = `${machine.cpu}, ${machine.cores} cores, ${memory} of memory, Node ${machine.node} on ${machine.platform}, Linux ${machine.kernel}`;
  return [
    '# Performance',
    '',
    '<!-- Written by `npm run bench:docs` from performance.json: edit bench/, not this page. -->',
    '',
    `Measured on ${at.slice(0, 10)} by \`npm run bench\`${quick ? ' (`--quick`: fewer bytes)' : ''} on ${where}.`,
    'Every figure is held against a peer or a limit that was measured in the same run, so that ratios travel to other machines; raw figures do not.',
    'Each is the median of the given number of runs, unless the table says that the worst is judged.',
    '',
    '## What is not met',
    '',
    ...(unmet.length === 0
      ? ['Every goal that could be judged here is met.']
      : unmet.map(unmetLine(explanations))),
    '',
    '## What could not be judged here',
    '',
    ...(open.length === 0
      ? ['Nothing.']
      : open.map(({ id, title, why }) => `- \`${id}\` (${title}): ${why}.`)),
    '',
    '## All figures',
    '',
    markdownTable(results),
    '',
    ...pictures.flatMap(({ file, title }) => [`![${title}](${file})`, '']),
    '## Raw figures',
    '',
    '| Row | Figures |',
    '| --- | --- |',
    ...results.flatMap((result) => rawLine(result)),
    '',
  ].join('\n');
}

const unmetLine =
  (explanations: Readonly<Record<string, string>>) =>
  (result: BenchResult): string => {
    const { id, title, unit, value } = result;
    const why = explanations[id] ?? 'Not explained yet.';
    return `- \`${id}\` (${title}): ${withUnit(value, unit)}, the goal is ${goalText(result)}. ${why}`;
  };

function rawLine({ id, raw, controlSpread }: BenchResult): readonly string[] {
  const figures = Object.entries(raw).map(
    ([name, value]) => `${name} ${typeof value === 'number' ? figure(value) : value}`,
  );
  if (controlSpread !== undefined) figures.push(`same against same ±${(controlSpread * 100).toFixed(2)} %`);
  return figures.length === 0 ? [] : [`| \`${id}\` | ${figures.join(' · ')} |`];
}
