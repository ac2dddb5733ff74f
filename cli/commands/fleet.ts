import { isOnAws } from '../../lib/client/aws-region.ts';
import type { FleetMachine, FleetView } from '../../lib/client/read-fleet.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { CliContext, Command } from '../context.ts';
import { formatAge, formatUsd } from '../format.ts';
import { localFleet } from '../local-fleet.ts';
import { type Column, table } from '../table.ts';
import { placeOf } from '../with-region.ts';

/** `holdfast fleet`: the machines, what each works on, and what they cost. */
export const fleet: Command<object> = async (context) => {
  const place = await placeOf(context);
  const view = isOnAws(place)
    ? await (await import('../fleet-on-aws.ts')).fleetOnAws(context, place)
    : await localFleet(context);
  if (context.terminal.json) context.terminal.printJson({ fleet: view });
  else print(context, view);
  return exitCodes.ok;
};

function print({ terminal, clock }: CliContext, view: FleetView): void {
  const { machines, groups, usdPerHour, costUsd, notes } = view;
  if (machines.length > 0) {
    const isLocal = machines.every(({ market }) => market === 'local');
    for (const line of table(machines, columns(clock.now(), isLocal), terminal.colors.bold))
      terminal.print(line);
  }
  for (const { name, desired, max } of groups) terminal.say(`${name}: ${desired} wanted, ${max} at most.`);
  if (usdPerHour !== null)
    terminal.say(`${formatUsd(usdPerHour)} an hour in all; ${formatUsd(costUsd)} so far, as an estimate.`);
  for (const note of notes) terminal.say(note);
  if (machines.length === 0 && notes.length === 0)
    terminal.suggest('No machines. `holdfast submit train.ts` asks for one.');
}

function columns(now: Date, isLocal: boolean): readonly Column<FleetMachine>[] {
  const always: readonly Column<FleetMachine>[] = [
    { title: 'ID', value: ({ id }) => id },
    { title: 'TYPE', value: ({ type }) => type },
    { title: 'ZONE', value: ({ zone }) => zone },
    { title: 'STATE', value: ({ state, isHealthy }) => (isHealthy ? state : `${state} (unhealthy)`) },
    { title: 'JOB', value: ({ jobId }) => jobId ?? '-' },
    { title: 'STEP', value: ({ step }) => (step === null ? '-' : String(step)), align: 'right' },
    { title: 'AGE', value: ({ startedAt }) => formatAge(startedAt, now), align: 'right' },
  ];
  const prices: readonly Column<FleetMachine>[] = [
    { title: 'MARKET', value: ({ market }) => market ?? '?' },
    { title: 'NOW/H', value: ({ usdPerHour }) => formatUsd(usdPerHour), align: 'right' },
    {
      title: 'ON-DEMAND/H',
      value: ({ onDemandUsdPerHour }) => formatUsd(onDemandUsdPerHour),
      align: 'right',
    },
    { title: 'SO-FAR', value: ({ costUsd }) => formatUsd(costUsd), align: 'right' },
  ];
  return [...always, ...(isLocal ? [] : prices), { title: 'NOTICE', value: ({ notice }) => notice ?? '-' }];
}
