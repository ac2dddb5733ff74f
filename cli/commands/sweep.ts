import { loadSweep, type Sweep } from '../../lib/client/load-sweep.ts';
import { rankOf, readSweep, type SweepStanding } from '../../lib/client/read-sweep.ts';
import type { Region } from '../../lib/client/region.ts';
import { runSweep, type StartedPoint } from '../../lib/client/run-sweep.ts';
import { parseSaveEvery } from '../../lib/client/save-every.ts';
import type { SweepPoint } from '../../lib/client/sweep-points.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import { askForMachine } from '../ask-for-machine.ts';
import type { CliContext, Command } from '../context.ts';
import { formatCount, formatNumber } from '../format.ts';
import type { SweepInput } from '../inputs.ts';
import { type Column, table } from '../table.ts';
import { unlessDamaged } from '../unless-damaged.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast sweep FILE`: a job for each point, or how the points stand. */
export const sweep: Command<SweepInput> = async (context, input) => {
  const loaded = await loadSweep(input.file, context.cwd);
  return withRegion(
    context,
    (region) =>
      unlessDamaged(context.terminal, () =>
        input.status ? showStatus(context, region, loaded) : start({ context, region, loaded, input }),
      ),
    // A sweep of a program may be the first thing that is queued here; a dry run leaves no trace.
    { creates: loaded.from === undefined && !input.status && !input.dryRun },
  );
};

async function start(run: {
  readonly context: CliContext;
  readonly region: Region;
  readonly loaded: Sweep;
  readonly input: SweepInput;
}): Promise<number> {
  const { context, region, loaded, input } = run;
  const { terminal } = context;
  const { owner, dryRun, saveEvery, yes } = input;
  const points = await runSweep(region, loaded, {
    isConfirmed: yes,
    dryRun,
    owner,
    ...(saveEvery.length === 0 ? {} : { save: parseSaveEvery(saveEvery) }),
    onPoint: (point) => {
      if (!terminal.json) printPoint(context, point);
    },
  });
  const queued = points.filter(({ outcome }) => outcome === 'queued').length;
  const capacity = dryRun ? null : await askForMachine(context, region, { isNew: queued > 0 });
  if (terminal.json) {
    terminal.printJson({ name: loaded.document.name, points, capacity });
    return exitCodes.ok;
  }
  terminal.suggest(
    dryRun
      ? `${formatCount(points.length, 'point')}. Nothing was written.`
      : `${queued} of ${formatCount(points.length, 'point')} queued now. \`holdfast sweep ${input.file} --status\` compares them.`,
  );
  return exitCodes.ok;
}

function printPoint({ terminal }: CliContext, { jobId, name, outcome, warnings }: StartedPoint): void {
  for (const warning of warnings) terminal.say(`warning: ${warning}`);
  terminal.print(`${jobId}  ${name}${outcome === 'repeated' ? '  (there already)' : ''}`);
}

async function showStatus({ terminal }: CliContext, region: Region, loaded: Sweep): Promise<number> {
  const { document } = loaded;
  const standings = await readSweep(region, document);
  const rank = rankOf(document);
  if (terminal.json) {
    terminal.printJson({ name: document.name, rank, points: standings });
    return exitCodes.ok;
  }
  const columns: readonly Column<SweepStanding>[] = [
    { title: 'POINT', value: valuesText },
    { title: 'STATUS', value: ({ job }) => job?.status ?? 'not made' },
    { title: 'STEP', value: ({ job }) => (job === null ? '-' : String(job.step)), align: 'right' },
    // What decides; the loss of a job that is over is the last one evaluated.
    { title: rank.metric.toUpperCase(), value: ({ score }) => numberText(score), align: 'right' },
    ...(rank.metric === 'loss' ? [] : [lossColumn]),
    {
      title: 'BEST',
      value: ({ best }) => (best === null ? '-' : `${best.metric} ${formatNumber(best.value)}`),
    },
    { title: 'JOB', value: ({ jobId }) => jobId },
  ];
  for (const line of table(standings, columns, terminal.colors.bold)) terminal.print(line);
  terminal.suggest(
    standings.every(({ score }) => score === null)
      ? `Nothing has told of ${rank.metric} yet: a job does at its end, or with each evaluation where the program's \`best\` names it.`
      : `Ordered by ${rank.metric}, the ${rank.goal === 'min' ? 'lowest' : 'highest'} first.`,
  );
  return exitCodes.ok;
}

const lossColumn: Column<SweepStanding> = {
  title: 'LOSS',
  value: ({ job }) => numberText(job?.loss),
  align: 'right',
};

function valuesText({ values }: SweepPoint): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

function numberText(value: number | null | undefined): string {
  return value === null || value === undefined ? '-' : formatNumber(value);
}
