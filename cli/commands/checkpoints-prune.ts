import { parseKeep } from '../../lib/client/parse-keep.ts';
import {
  planPrune,
  pruneCheckpoints,
  type PrunePlan,
  type PruneResult,
} from '../../lib/client/prune-checkpoints.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { CliContext, Command } from '../context.ts';
import { formatAge, formatBytes, formatCount } from '../format.ts';
import type { PruneInput } from '../inputs.ts';
import { type Column, table } from '../table.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast checkpoints prune JOB [CHECKPOINT…]`: show what would go and what that frees; with `--yes` delete it. */
export const checkpointsPrune: Command<PruneInput> = (context, { jobId, checkpoints, keep, yes, wait }) =>
  withRegion(context, async (region) => {
    const plan = await planPrune(region, jobId, {
      checkpoints,
      keep: keep.length === 0 ? undefined : parseKeep(keep),
    });
    const ids = plan.checkpoints.map(({ id }) => id);
    if (!yes || ids.length === 0) {
      printPlan(context, plan, undefined);
      return exitCodes.ok;
    }
    const signal = wait ? context.untilInterrupted() : undefined;
    const result = await pruneCheckpoints(region, jobId, { ids, wait: signal });
    printPlan(context, plan, result);
    if (wait && result.pending.length > 0) {
      return signal?.aborted === true ? exitCodes.interrupted : exitCodes.conflict;
    }
    return exitCodes.ok;
  });

function printPlan(context: CliContext, plan: PrunePlan, result: PruneResult | undefined): void {
  const { terminal } = context;
  const { jobId, checkpoints, objects, bytes, staying } = plan;
  if (terminal.json) {
    terminal.printJson({
      jobId,
      isDryRun: result === undefined,
      checkpoints: checkpoints.map(({ record, ...freed }) => ({
        step: record.step,
        at: record.at,
        ...freed,
      })),
      objects,
      bytes,
      staying,
      ...result,
    });
    return;
  }
  if (checkpoints.length === 0) {
    terminal.say(
      `Nothing to prune: ${formatCount(staying, 'checkpoint')} of ${jobId} stay${staying === 1 ? 's' : ''}.`,
    );
    return;
  }
  printTable(context, plan);
  const freed = `${formatBytes(bytes)} in ${formatCount(objects, 'object')}`;
  if (result === undefined) {
    terminal.suggest(`Would free ${freed}; ${formatCount(staying, 'checkpoint')} would stay. --yes deletes.`);
  } else {
    for (const line of outcomeLines(jobId, freed, result)) terminal.say(line);
  }
}

function printTable({ terminal, clock }: CliContext, { checkpoints }: PrunePlan): void {
  type Row = (typeof checkpoints)[number];
  const now = clock.now();
  const columns: readonly Column<Row>[] = [
    { title: 'CHECKPOINT', value: ({ id }) => id },
    { title: 'STEP', value: ({ record }) => String(record.step), align: 'right' },
    { title: 'AGE', value: ({ record }) => formatAge(record.at, now), align: 'right' },
    { title: 'SIZE', value: ({ record }) => formatBytes(record.bytes), align: 'right' },
    { title: 'FREES', value: ({ bytes }) => formatBytes(bytes), align: 'right' },
  ];
  for (const line of table(checkpoints, columns, terminal.colors.bold)) terminal.print(line);
}

function outcomeLines(
  jobId: string,
  freed: string,
  { gone, pending, outcome }: PruneResult,
): readonly string[] {
  if (pending.length === 0) return [`Deleted ${formatCount(gone.length, 'checkpoint')}: ${freed}.`];
  const asked = `Asked for; ${formatCount(pending.length, 'checkpoint')} still there.`;
  const who =
    outcome === 'not-allowed'
      ? 'You may not delete in this store; the scheduled function of the deployment does it within a quarter of an hour.'
      : `The worker of ${jobId} deletes them within seconds, beside its training.`;
  return [asked, who];
}
