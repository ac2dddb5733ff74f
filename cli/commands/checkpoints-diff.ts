import {
  type CheckpointDifference,
  diffCheckpoints,
  type StateDifference,
} from '../../lib/client/diff-checkpoints.ts';
import type { FileDifference } from '../../lib/client/diff-files.ts';
import type { ValueDifference } from '../../lib/client/value-differences.ts';
import type { Region } from '../../lib/client/region.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import { trainerDocumentPath } from '../../lib/training/snapshot.ts';
import type { CliContext, Command } from '../context.ts';
import { formatBytes, formatCount, formatNumber } from '../format.ts';
import type { DiffCheckpointsInput } from '../inputs.ts';
import { ProgressLine } from '../progress-line.ts';
import { type Column, table } from '../table.ts';
import { type TensorRow, tensorColumns, tensorRows } from '../tensor-rows.ts';
import { unlessDamaged } from '../unless-damaged.ts';
import { withRegion } from '../with-region.ts';

/** Rows of a table that a person reads; `--json` has all of them. */
const rowsMax = 40;

/** `holdfast checkpoints diff JOB A [B]`: what changed. A difference is no failure: 0 either way. */
export const checkpointsDiff: Command<DiffCheckpointsInput> = (context, input) => {
  const { terminal } = context;
  const run = async (region: Region): Promise<number> => {
    const line = new ProgressLine(context);
    const difference = await diffCheckpoints(region, {
      a: { jobId: input.jobId, checkpoint: input.a },
      b: { jobId: input.with ?? input.jobId, checkpoint: input.b },
      signal: context.untilInterrupted(),
      onProgress: (done) => line.show('comparing', done),
    }).finally(() => line.end());
    for (const warning of difference.warnings) terminal.say(terminal.colors.yellow(`warning: ${warning}`));
    if (terminal.json) terminal.printJson(difference);
    else print(context, difference);
    return exitCodes.ok;
  };
  return withRegion(context, (region) => unlessDamaged(terminal, () => run(region)));
};

function print(context: CliContext, difference: CheckpointDifference): void {
  const { terminal } = context;
  const { colors } = terminal;
  for (const [side, { jobId, id, step, epoch, reason, at, omitted }] of [
    ['A', difference.a],
    ['B', difference.b],
  ] as const) {
    terminal.print(
      `${colors.bold(side)}  ${jobId} ${id} · step ${step} · epoch ${epoch} · ${reason} · ${at}`,
    );
    if (omitted.length > 0) terminal.print(`   left out as the job wishes: ${omitted.join(', ')}`);
  }
  if (difference.isEqual) {
    terminal.print();
    terminal.print('Every file is the same, bit for bit.');
  }
  printValues(context, difference.values);
  printStates(context, difference.states);
  printTensors(context, difference.files);
  printFiles(context, difference);
  if (difference.compatibility.length === 0) return;
  terminal.print();
  terminal.print(colors.bold('A resume would ask about'));
  for (const text of difference.compatibility) terminal.print(`  ${text}`);
}

function printValues({ terminal }: CliContext, values: readonly ValueDifference[]): void {
  const columns: readonly Column<ValueDifference>[] = [
    { title: 'VALUE', value: ({ section, path }) => (section === 'position' ? path : `${section} ${path}`) },
    { title: 'A', value: ({ a }) => valueText(a) },
    { title: 'B', value: ({ b }) => valueText(b) },
  ];
  printTable(terminal, values, columns);
}

/** Longer values are cut: a line is to be read. */
const valueMax = 32;

function valueText(value: unknown): string {
  if (value === undefined) return '-';
  if (typeof value === 'number') return formatNumber(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length <= valueMax ? text : `${text.slice(0, valueMax)}…`;
}

function printStates({ terminal }: CliContext, states: readonly StateDifference[]): void {
  const columns: readonly Column<StateDifference>[] = [
    { title: 'STATE', value: ({ name }) => name },
    { title: 'KIND', value: ({ kind }) => kindText(kind) },
    { title: 'CHANGE', value: ({ change }) => change },
  ];
  printTable(terminal, states, columns);
}

function kindText({ a, b }: StateDifference['kind']): string {
  return a === null || b === null || a === b ? (b ?? a ?? '') : `${a} → ${b}`;
}

/** What changed most comes first. */
function printTensors({ terminal }: CliContext, files: readonly FileDifference[]): void {
  const rows: readonly TensorRow[] = tensorRows(files);
  const changed = rows.filter(({ tensor }) => tensor.kind !== 'unchanged');
  printTable(terminal, changed, tensorColumns);
  const unchanged = rows.length - changed.length;
  if (rows.length > 0 && unchanged > 0)
    terminal.print(`${formatCount(unchanged, 'tensor')} beside them unchanged.`);
}

/** Files that are told neither tensor by tensor nor value by value. */
function printFiles({ terminal }: CliContext, { files, states }: CheckpointDifference): void {
  const isTold = ({ state, tensors, path }: FileDifference): boolean =>
    state !== null || tensors !== null || (states.length > 0 && path === trainerDocumentPath);
  const rows = files.filter((file) => file.change !== 'unchanged' && !isTold(file));
  const columns: readonly Column<FileDifference>[] = [
    { title: 'CHANGE', value: ({ change }) => change },
    { title: 'A', value: ({ bytes }) => sizeText(bytes.a), align: 'right' },
    { title: 'B', value: ({ bytes }) => sizeText(bytes.b), align: 'right' },
    { title: 'SHARED', value: ({ sharedBytes }) => formatBytes(sharedBytes), align: 'right' },
    { title: 'FILE', value: ({ path }) => path },
  ];
  printTable(terminal, rows, columns);
}

function sizeText(bytes: number | null): string {
  return bytes === null ? '-' : formatBytes(bytes);
}

function printTable<Row>(
  terminal: CliContext['terminal'],
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): void {
  if (rows.length === 0) return;
  terminal.print();
  for (const text of table(rows.slice(0, rowsMax), columns, terminal.colors.bold)) terminal.print(text);
  if (rows.length > rowsMax)
    terminal.print(`and ${formatNumber(rows.length - rowsMax)} more; --json has all of them.`);
}
