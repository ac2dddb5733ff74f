import { exitCodes } from '../../lib/contract/exit-codes.ts';
import { type AttemptGoodput, type Goodput, goodputOf, type JobTimeKind } from '../../lib/ledger/goodput.ts';
import type { CliContext, Command } from '../context.ts';
import { formatCount, formatDuration } from '../format.ts';
import type { JobInput } from '../inputs.ts';
import { readEntries } from '../read-entries.ts';
import { type BarPart, shareBar } from '../share-bar.ts';
import { type Column, table } from '../table.ts';
import type { Colors } from '../terminal.ts';
import { withRegion } from '../with-region.ts';

interface KindOfTime {
  readonly kind: JobTimeKind;
  readonly title: string;
  readonly mark: string;
  readonly color: 'green' | 'red' | 'yellow' | 'blue' | 'cyan' | 'dim' | 'magenta';
}

const kinds: readonly KindOfTime[] = [
  { kind: 'productive', title: 'training', mark: '█', color: 'green' },
  { kind: 'lost', title: 'done again', mark: '×', color: 'red' },
  { kind: 'saving', title: 'saving', mark: 's', color: 'yellow' },
  { kind: 'restoring', title: 'restoring', mark: 'r', color: 'blue' },
  { kind: 'starting', title: 'starting', mark: '▒', color: 'cyan' },
  { kind: 'waiting', title: 'waiting', mark: '·', color: 'dim' },
  { kind: 'paused', title: 'paused', mark: '-', color: 'magenta' },
];

/** `holdfast goodput JOB`: where its time went. */
export const goodput: Command<JobInput> = (context, { jobId }) =>
  withRegion(context, async (region) => {
    const { terminal, clock } = context;
    const { entries, state } = await readEntries(region, jobId);
    const told = goodputOf(entries, clock.now());
    if (terminal.json) {
      terminal.printJson({ jobId, status: state.status, goodput: told });
      return exitCodes.ok;
    }
    printShares(context, told);
    printAttempts(context, told);
    return exitCodes.ok;
  });

/** Left of a bar, and what a terminal keeps free. */
const barMargin = 4;
const barWidthMax = 100;

function printShares({ terminal }: CliContext, told: Goodput): void {
  const { colors } = terminal;
  const { wallSeconds, allocatedSeconds, seconds, steps, lostSteps } = told;
  const share = told.goodput === null ? 'no machine yet' : `${percent(told.goodput)} of the machines' time`;
  terminal.print(`${colors.bold('goodput')}  ${share}`);
  terminal.print(
    colors.dim(
      `${duration(wallSeconds)} since it was submitted, ${duration(allocatedSeconds)} of machines · ${formatCount(steps, 'step')} done, ${lostSteps} of them twice`,
    ),
  );
  if (wallSeconds === 0) return;
  const parts = kinds.map(({ kind, mark, color }): BarPart => ({
    share: seconds[kind] / wallSeconds,
    mark,
    paint: painter(colors, color),
  }));
  terminal.print();
  terminal.print(`  ${shareBar(parts, Math.min(barWidthMax, terminal.columns - barMargin))}`);
  terminal.print();
  const columns: readonly Column<KindOfTime>[] = [
    { title: '', value: ({ mark }) => mark, paint: (cell, { color }) => painter(colors, color)(cell) },
    { title: 'TIME', value: ({ title }) => title },
    { title: 'LASTED', value: ({ kind }) => duration(seconds[kind]), align: 'right' },
    { title: 'SHARE', value: ({ kind }) => percent(seconds[kind] / wallSeconds), align: 'right' },
  ];
  const shown = kinds.filter(({ kind }) => seconds[kind] > 0);
  for (const line of table(shown, columns, colors.bold)) terminal.print(`  ${line}`);
}

function printAttempts({ terminal }: CliContext, { attempts, notes }: Goodput): void {
  const { colors } = terminal;
  if (attempts.length === 0) return;
  const columns: readonly Column<AttemptGoodput>[] = [
    { title: 'CLAIM', value: ({ claim }) => String(claim), align: 'right' },
    { title: 'MACHINE', value: ({ instance }) => `${instance.id} (${instance.type})` },
    { title: 'LASTED', value: ({ fromMs, toMs }) => duration((toMs - fromMs) / 1_000), align: 'right' },
    { title: 'STEPS', value: ({ steps }) => String(steps), align: 'right' },
    { title: 'DONE AGAIN', value: ({ lostSteps }) => String(lostSteps), align: 'right' },
    { title: 'LOST', value: ({ seconds }) => duration(seconds.lost), align: 'right' },
    { title: 'NOTE', value: ({ isEstimated }) => (isEstimated ? 'fell silent: estimated' : '') },
  ];
  terminal.print();
  for (const line of table(attempts, columns, colors.bold)) terminal.print(line);
  terminal.print();
  for (const note of notes) terminal.print(colors.dim(`${note}.`));
}

function painter(colors: Colors, color: KindOfTime['color']): (text: string) => string {
  return (text) => colors[color](text);
}

function duration(seconds: number): string {
  return formatDuration(seconds * 1_000);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
