import {
  type CheckedCheckpoint,
  verifyCheckpoints,
  type VerifyReport,
} from '../../lib/client/verify-checkpoints.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { CliContext, Command } from '../context.ts';
import { formatBytes, formatCount } from '../format.ts';
import type { VerifyCheckpointsInput } from '../inputs.ts';
import { ProgressLine } from '../progress-line.ts';
import { type Column, table } from '../table.ts';
import { withRegion } from '../with-region.ts';

/** Keys of a damaged checkpoint that are printed; `--json` names all of them. */
const keysMax = 5;

/** `holdfast checkpoints verify JOB [CHECKPOINT…]`: read every byte. 6 when something is damaged, 1 when something could not be read. */
export const checkpointsVerify: Command<VerifyCheckpointsInput> = (context, { jobId, ...choice }) =>
  withRegion(context, async (region) => {
    const line = new ProgressLine(context);
    const report = await verifyCheckpoints(region, jobId, {
      ...choice,
      signal: context.untilInterrupted(),
      onProgress: (bytes, of) => line.show('verifying', { bytes, of }),
    }).finally(() => line.end());
    if (context.terminal.json) printJson(context, jobId, report);
    else print(context, jobId, report);
    return exitCodeOf(report);
  });

function exitCodeOf({ checkpoints }: VerifyReport): number {
  const verdicts = checkpoints.map(({ verdict }) => verdict.verdict);
  if (verdicts.includes('damaged')) return exitCodes.checkFailed;
  return verdicts.includes('unread') ? exitCodes.error : exitCodes.ok;
}

function printJson({ terminal }: CliContext, jobId: string, { checkpoints, dropped }: VerifyReport): void {
  terminal.printJson({
    jobId,
    checkpoints: checkpoints.map(({ record, verdict, noted }) => ({
      id: record.id,
      step: record.step,
      bytes: record.bytes,
      quarantined: record.quarantined ?? null,
      ...verdict,
      noted: noted ?? null,
    })),
    dropped,
  });
}

function print({ terminal }: CliContext, jobId: string, { checkpoints, dropped }: VerifyReport): void {
  const { colors } = terminal;
  const columns: readonly Column<CheckedCheckpoint>[] = [
    { title: 'CHECKPOINT', value: ({ record }) => record.id },
    { title: 'STEP', value: ({ record }) => String(record.step), align: 'right' },
    { title: 'SIZE', value: ({ record }) => formatBytes(record.bytes), align: 'right' },
    {
      title: 'VERDICT',
      value: verdictText,
      paint: (cell, { verdict }) =>
        verdict.verdict === 'good'
          ? colors.green(cell)
          : verdict.verdict === 'damaged'
            ? colors.red(cell)
            : colors.yellow(cell),
    },
  ];
  for (const line of table(checkpoints, columns, colors.bold)) terminal.print(line);
  for (const { record, verdict } of checkpoints) {
    if (verdict.verdict === 'good') continue;
    terminal.say(`${record.id}: ${verdict.why}`);
    if (verdict.verdict !== 'damaged') continue;
    for (const key of verdict.keys.slice(0, keysMax)) terminal.say(`  ${key}`);
    if (verdict.keys.length > keysMax) terminal.say(`  and ${verdict.keys.length - keysMax} more`);
  }
  for (const id of dropped) terminal.say(`${id} was dropped while it was read.`);
  for (const { record, verdict, noted } of checkpoints) {
    if (noted !== undefined) continue;
    const again = `\`holdfast checkpoints verify ${jobId} ${record.id}`;
    if (verdict.verdict === 'good' && record.quarantined !== undefined) {
      terminal.suggest(`${record.id} is whole again. ${again} --lift\` lifts its quarantine.`);
    } else if (verdict.verdict === 'damaged' && record.quarantined === undefined) {
      terminal.suggest(
        `A resume would pass ${record.id} over. ${again} --quarantine\` says so now, so that it counts for nothing.`,
      );
    }
  }
}

function verdictText({ verdict, record, noted }: CheckedCheckpoint): string {
  const known =
    record.quarantined === undefined
      ? ''
      : noted === 'quarantine-lifted'
        ? ', quarantine lifted'
        : ', quarantined';
  switch (verdict.verdict) {
    case 'good':
      return `good${known}`;
    case 'damaged':
      return `damaged: ${formatCount(verdict.keys.length, 'object')}${noted === 'quarantined' ? ', quarantined now' : known}`;
    case 'unread':
      return `could not be read${known}`;
  }
}
