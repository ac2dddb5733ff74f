import type { RehearsedAttempt } from '../proof/rehearsal/attempts-of.ts';
import type { Rehearsal } from '../proof/rehearsal/judge.ts';
import { formatCount, formatDuration } from './format.ts';
import { type Column, table } from './table.ts';
import type { Colors } from './terminal.ts';

const barColumns = 50;

const endings: Readonly<Record<string, string>> = {
  completed: 'done',
  interrupted: 'handed over at a notice',
  handover: 'handed over',
  silent: 'lost without a word',
};

/** A rehearsal as a person reads it: the attempts, what happened when, what it cost, and what was found. */
export function rehearsalLines(rehearsal: Rehearsal, colors: Colors): readonly string[] {
  return [
    '',
    colors.bold(`Attempts, over ${rehearsal.steps} steps`) + colors.dim('   █ kept   ░ lost and made again'),
    ...attemptLines(rehearsal, colors),
    '',
    ...rehearsal.happenings.map(({ atSeconds, of, what }) => {
      const line = `${atSeconds.toFixed(1).padStart(7)} s  ${what.split('\n', 1)[0] ?? ''}`;
      return of === 'machine' ? colors.yellow(line) : line;
    }),
    '',
    ...accountLines(rehearsal),
    '',
    ...verdictLines(rehearsal, colors),
  ];
}

function attemptLines({ attempts, steps }: Rehearsal, colors: Colors): readonly string[] {
  const columns: readonly Column<RehearsedAttempt>[] = [
    { title: 'CLAIM', value: ({ claim }) => String(claim), align: 'right' },
    { title: 'MACHINE', value: ({ instanceId }) => instanceId },
    { title: 'STEPS', value: (attempt) => barOf(attempt, steps) },
    {
      title: 'FROM → TO',
      value: ({ fromStep, toStep }) => (fromStep === undefined ? '-' : `${fromStep} → ${toStep}`),
    },
    { title: 'END', value: ({ ended }) => endings[ended] ?? ended },
  ];
  return table(attempts, columns, colors.bold).map((line) => `  ${line}`);
}

function barOf({ fromStep, keptStep, toStep }: RehearsedAttempt, steps: number): string {
  if (fromStep === undefined) return '·'.repeat(barColumns);
  const column = (step: number): number =>
    Math.round((Math.min(step, steps) / Math.max(1, steps)) * barColumns);
  const [from, kept, to] = [column(fromStep), column(keptStep), column(toStep)];
  return `${'·'.repeat(from)}${'█'.repeat(kept - from)}${'░'.repeat(to - kept)}`.padEnd(barColumns, '·');
}

function accountLines(rehearsal: Rehearsal): readonly string[] {
  const { planned, done, interruptions, steps, stepsLost, goodput, aloneSeconds, faults } = rehearsal;
  const met = Object.entries(faults).map(([what, times]) => `${what} ${times}`);
  const lost = stepsLost === null ? '' : `, ${stepsLost} made again`;
  const share = goodput.goodput === null ? '' : ` · goodput ${(goodput.goodput * 100).toFixed(0)} %`;
  return [
    `  ${formatCount(interruptions, 'interruption')}, ${done} of ${formatCount(planned, 'event')} of the scenario${done < planned ? ': then the job was over' : ''}`,
    `  ${formatCount(steps, 'step')}${lost}${share} · ${formatDuration(goodput.wallSeconds * 1_000)} instead of ${formatDuration(aloneSeconds * 1_000)} when left alone`,
    ...(met.length === 0 ? [] : [`  faults met: ${met.join(', ')}`]),
    ...exampleLines(rehearsal),
  ];
}

function exampleLines({ epochs, interruptions }: Rehearsal): readonly string[] {
  if (epochs.length === 0) return [];
  const repeated = epochs.filter(({ examples, distinct }) => distinct < examples);
  const counts = [...new Set(epochs.map(({ distinct }) => distinct))].join(', ');
  return [
    repeated.length === 0
      ? `  ${formatCount(epochs.length, 'epoch')} of ${counts} examples, each once per epoch across ${formatCount(interruptions, 'interruption')}`
      : `  examples seen twice in epoch ${repeated.map(({ epoch }) => epoch).join(', ')}`,
  ];
}

function verdictLines({ passed, findings, digest, seed }: Rehearsal, colors: Colors): readonly string[] {
  if (passed) {
    return [
      colors.bold(colors.green('PASSED: nothing was lost, repeated or different.')),
      `  final digest ${digest?.slice(0, 16) ?? '-'}, that of the run left alone · seed ${seed}`,
    ];
  }
  return [
    colors.bold(colors.red(`FAILED: ${formatCount(findings.length, 'finding')}`)),
    ...findings.map(({ rule, what }) => `  ${rule}: ${what}`),
    `  seed ${seed}`,
  ];
}
