import { machinePrices } from '../../lib/client/price-history.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { JournalEntry } from '../../lib/contract/journal-entry.ts';
import { type AttemptCost, costOf, type CostOptions, type JobCost } from '../../lib/ledger/cost.ts';
import type { CliContext, Command } from '../context.ts';
import { formatBytes, formatDuration, formatUsd } from '../format.ts';
import type { CostInput } from '../inputs.ts';
import { readEntries } from '../read-entries.ts';
import { type Column, table } from '../table.ts';
import { placeOf, withRegion } from '../with-region.ts';

/** `holdfast cost JOB`: what its machines and requests have cost. */
export const cost: Command<CostInput> = (context, { jobId, usdPerHour }) =>
  withRegion(context, async (region) => {
    const { terminal, clock } = context;
    const { entries } = await readEntries(region, jobId);
    const { usdOf, notes } = await pricesFor(context, { entries, usdPerHour });
    const told = costOf(entries, { now: clock.now(), usdOf });
    if (terminal.json) {
      terminal.printJson({ jobId, cost: told, notes });
      return exitCodes.ok;
    }
    printCost(context, told);
    for (const note of notes) terminal.say(note);
    if (told.machinesUsd === null) terminal.suggest('--price USD says what an hour of these machines costs.');
    return exitCodes.ok;
  });

const hourMs = 3_600_000;

async function pricesFor(
  context: CliContext,
  facts: { readonly entries: readonly JournalEntry[]; readonly usdPerHour: number | undefined },
): Promise<Pick<CostOptions, 'usdOf'> & { readonly notes: readonly string[] }> {
  const { entries, usdPerHour } = facts;
  if (usdPerHour !== undefined) {
    return { usdOf: ({ from, to }) => ((to.getTime() - from.getTime()) / hourMs) * usdPerHour, notes: [] };
  }
  const claims = entries.flatMap((entry) =>
    entry.kind === 'claimed' && entry.instance.type !== 'operator' ? [entry] : [],
  );
  const types = [...new Set(claims.map(({ instance }) => instance.type))];
  const since = new Date(claims[0]?.at ?? context.clock.now());
  const options = { clock: context.clock, signal: context.untilInterrupted() };
  return machinePrices(await placeOf(context), { types, since }, options);
}

function printCost({ terminal }: CliContext, told: JobCost): void {
  const { colors } = terminal;
  const line = (title: string, text: string): void =>
    terminal.print(`  ${colors.dim(title.padEnd(12))} ${text}`);
  const { machineSeconds, machinesUsd, lostUsd, writes, reads, requestsUsd, goodput } = told;
  terminal.print(
    colors.bold(told.totalUsd === null ? 'no prices are known here' : `${formatUsd(told.totalUsd)} so far`),
  );
  line(
    'machines',
    `${formatDuration(machineSeconds * 1_000)}${machinesUsd === null ? '' : ` · ${formatUsd(machinesUsd)}`}`,
  );
  line(
    'done again',
    `${formatDuration(goodput.seconds.lost * 1_000)}${lostUsd === null ? '' : ` · ${formatUsd(lostUsd)}`}`,
  );
  if (told.isStorePaid) {
    line('requests', `about ${writes} writes and ${reads} reads · ${formatUsd(requestsUsd)}`);
    line(
      'kept',
      `at most ${formatBytes(told.storedBytes)} of checkpoints · ${formatUsd(told.storedUsdPerMonth)} a month`,
    );
  } else line('store', 'a folder: its requests and bytes cost nothing');
  line(
    'steps',
    `${goodput.steps}${told.usdPerThousandSteps === null ? '' : ` · ${formatUsd(told.usdPerThousandSteps)} a thousand`}`,
  );
  if (told.attempts.length === 0) return;
  const columns: readonly Column<AttemptCost>[] = [
    { title: 'CLAIM', value: ({ claim }) => String(claim), align: 'right' },
    { title: 'TYPE', value: ({ instance }) => instance.type },
    { title: 'ZONE', value: ({ instance }) => instance.zone },
    { title: 'LASTED', value: ({ seconds }) => formatDuration(seconds * 1_000), align: 'right' },
    { title: 'USD', value: ({ usd }) => formatUsd(usd), align: 'right' },
    { title: 'FOR NOTHING', value: ({ lostUsd: lost }) => formatUsd(lost), align: 'right' },
  ];
  terminal.print();
  for (const row of table(told.attempts, columns, colors.bold)) terminal.print(row);
}
