import type { Colors } from '../terminal.ts';
import { formatBytes, formatDuration } from '../format.ts';
import { table } from '../table.ts';
import type { ComparedFile, Comparison } from '../../proof/rehearsal/compare-results.ts';
import type { Interruption } from './conduct.ts';

/** What the demo found; printed as one object with `--json`. */
export interface DemoResult {
  readonly identical: boolean;
  readonly finalDigest: string;
  readonly referenceDigest: string;
  readonly steps: number;
  readonly epochs: number;
  readonly checkpoints: number;
  readonly testAccuracy: number;
  readonly elapsedMs: number;
  readonly timers: { readonly noticeMs: number; readonly visibilityMs: number; readonly heartbeatMs: number };
  readonly interruptions: readonly Interruption[];
}

const barColumns = 50;

/** The report that a person reads: a picture of the attempts, what each loss cost, the files of both runs side by side. */
export function renderReport(result: DemoResult, comparison: Comparison, colors: Colors): readonly string[] {
  const { identical, steps, interruptions, testAccuracy, elapsedMs } = result;
  const lost = interruptions.reduce((sum, { lostSteps }) => sum + lostSteps, 0);
  const verdict = identical
    ? colors.green('IDENTICAL: three machines were lost, and not one bit of the result.')
    : colors.red('DIFFERENT: the interrupted run did not end like the uninterrupted one.');
  return [
    '',
    colors.bold(`Attempts, over ${steps} steps`) + colors.dim('   █ kept   ░ lost and done again'),
    ...attemptLines(result, colors),
    '',
    ...lossLines(interruptions),
    '',
    ...fileTable(comparison, colors),
    '',
    colors.bold(verdict),
    `  ${steps} steps, ${lost} of them twice · test accuracy ${(testAccuracy * 100).toFixed(1)} % · ${formatDuration(elapsedMs)} in all`,
  ];
}

function attemptLines({ steps, interruptions }: DemoResult, colors: Colors): readonly string[] {
  const starts = [0, ...interruptions.map(({ resumedFromStep }) => resumedFromStep)];
  const lines = starts.map((from, index) => {
    const loss = interruptions[index];
    const keptTo = loss?.resumedFromStep ?? steps;
    const bar = barOf({ from, keptTo, lostTo: Math.max(keptTo, loss?.step ?? steps), steps });
    return `  machine ${index + 1}      ${bar}  ${from} → ${loss?.step ?? steps}${endText(loss, colors)}`;
  });
  const whole = barOf({ from: 0, keptTo: steps, lostTo: steps, steps });
  return [...lines, `  uninterrupted  ${whole}  0 → ${steps}`];
}

function barOf(part: {
  readonly from: number;
  readonly keptTo: number;
  readonly lostTo: number;
  readonly steps: number;
}): string {
  const column = (step: number): number => Math.round((step / Math.max(1, part.steps)) * barColumns);
  const [from, kept, lost] = [column(part.from), column(part.keptTo), column(part.lostTo)];
  const text = `${' '.repeat(from)}${'█'.repeat(Math.max(0, kept - from))}${'░'.repeat(Math.max(0, lost - kept))}`;
  return text.padEnd(barColumns, '·').replace(/^ +/, (gap) => '·'.repeat(gap.length));
}

function endText(loss: Interruption | undefined, colors: Colors): string {
  if (loss === undefined) return colors.green('  done');
  return loss.kind === 'notice' ? colors.yellow('  Spot interruption notice') : colors.red('  SIGKILL');
}

const places: Readonly<Record<Interruption['at'], string>> = {
  'mid-epoch': 'in the middle of an epoch',
  'between-checkpoints': 'between two checkpoints',
  'during-upload': 'during the upload of a checkpoint',
};

function lossLines(interruptions: readonly Interruption[]): readonly string[] {
  return interruptions.map(({ kind, at, lostSteps, noticeToDurableMs, resumeMs }, index) => {
    const how = kind === 'notice' ? 'a notice' : 'a kill without notice';
    const saved = noticeToDurableMs === null ? '' : `saved ${formatDuration(noticeToDurableMs)} after it, `;
    return `  ${index + 1}. ${how} ${places[at]}: ${saved}${lostSteps} steps lost, state back after ${formatDuration(resumeMs)}`;
  });
}

const verdict = ({ digest, referenceDigest }: ComparedFile): string =>
  digest === referenceDigest ? 'same' : 'DIFFERENT';

function fileTable({ files }: Comparison, colors: Colors): readonly string[] {
  return table<ComparedFile>(files, [
    { title: 'FILE OF THE FINAL CHECKPOINT', value: ({ path }) => path },
    { title: 'SIZE', value: ({ bytes }) => formatBytes(bytes), align: 'right' },
    { title: 'INTERRUPTED', value: ({ digest }) => digest?.slice(0, 16) ?? '-' },
    { title: 'UNINTERRUPTED', value: ({ referenceDigest }) => referenceDigest?.slice(0, 16) ?? '-' },
    {
      title: '',
      value: verdict,
      paint: (cell, file) => (verdict(file) === 'same' ? colors.green(cell) : colors.red(cell)),
    },
  ]);
}
