import { resolve } from 'node:path';
import { UsageError } from '../../lib/base/errors.ts';
import { parseSaveEvery } from '../../lib/client/save-every.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { SavePolicySpec } from '../../lib/contract/job-spec.ts';
import { drawReport } from '../../lib/simulation/draw-report.ts';
import { generateTraces } from '../../lib/simulation/generate-traces.ts';
import { readTraces } from '../../lib/simulation/read-traces.ts';
import { type PolicyResult, type Report, simulateFleet, tellTrace } from '../../lib/simulation/simulate.ts';
import { simulationOptions } from '../../lib/simulation/simulation-options.ts';
import type { Trace } from '../../lib/simulation/trace.ts';
import type { CliContext, Command } from '../context.ts';
import { formatBytes, formatCount, formatDuration, formatUsd } from '../format.ts';
import type { SimulateInput } from '../inputs.ts';
import { refuseUnwritablePicture, writePicture } from '../picture-file.ts';
import { type Column, table } from '../table.ts';

/** `holdfast simulate`: what training on Spot machines would come to, by recordings of them. */
export const simulate: Command<SimulateInput> = async (context, input) => {
  const { terminal } = context;
  if (input.svg !== undefined) await refuseUnwritablePicture(resolve(context.cwd, input.svg));
  const { traces, notes } = await tracesFor(context, input);
  const options = simulationOptions({ ...input.options, save: savePolicyOf(input.saveEvery) });
  for (const note of notes) terminal.say(note);
  const report = simulateFleet(traces, options, showProgress(context));
  if (input.svg !== undefined) await draw({ traces, report, file: resolve(context.cwd, input.svg) });
  if (terminal.json) {
    terminal.printJson({ report });
    return exitCodes.ok;
  }
  printReport(context, report);
  return exitCodes.ok;
};

async function tracesFor(
  { cwd, env }: CliContext,
  input: SimulateInput,
): Promise<{ readonly traces: readonly Trace[]; readonly notes: readonly string[] }> {
  const folder = input.tracesDir ?? (input.trace.length === 0 ? env['HOLDFAST_TRACES'] : undefined);
  const paths = [...input.trace, ...(folder === undefined || folder === '' ? [] : [folder])];
  if (paths.length > 0) {
    const read = await readTraces(
      paths.map((path) => resolve(cwd, path)),
      { ones: input.ones },
    );
    if (read.traces.every(({ intervals }) => intervals.length === 0))
      throw new UsageError('no machine was ever there in these recordings.', {
        hint: 'Do they mean the opposite? `--ones available` and `--ones unavailable` say which.',
      });
    return read;
  }
  const seed = input.options.seed ?? 1;
  const note = `No recordings were given: simulated ones of single-GPU machines, seed ${seed}. --trace FILE takes your own.`;
  return { traces: generateTraces({ seed }), notes: [note] };
}

function savePolicyOf(saveEvery: readonly string[]): SavePolicySpec {
  const save = parseSaveEvery(saveEvery);
  if (save.everyEpochs !== undefined)
    throw new UsageError('a simulated job has no epochs.', { hint: 'Write --save-every 100steps or 30s.' });
  return save;
}

/** Nobody can read more. */
const progressEveryMs = 100;

function showProgress({ streams, terminal, env, clock }: CliContext): (share: number) => void {
  if (!streams.errIsTerminal || terminal.json || env['TERM'] === 'dumb') return () => {};
  let shownAtMs = Number.NEGATIVE_INFINITY;
  return (share) => {
    if (share >= 1) return streams.writeErr('\r\u001B[K');
    if (clock.monotonicMs() - shownAtMs < progressEveryMs) return;
    shownAtMs = clock.monotonicMs();
    streams.writeErr(`\r\u001B[Ksimulating: ${Math.floor(share * 100)} %`);
  };
}

/** The trace whose time line is drawn: our worst, where losses are to be seen. */
async function draw(order: {
  readonly traces: readonly Trace[];
  readonly report: Report;
  readonly file: string;
}): Promise<void> {
  const { traces, report, file } = order;
  const worst = report.policies[0]?.worst?.trace;
  const index = Math.max(
    0,
    traces.findIndex(({ name }) => name === worst),
  );
  const trace = traces[index];
  const told = tellTrace(traces, index, report.options);
  const drawn = trace === undefined || told === undefined ? undefined : { trace, spans: told.spans };
  await writePicture(file, drawReport(report, drawn));
}

function printReport({ terminal }: CliContext, report: Report): void {
  const { colors } = terminal;
  const { options, traceCount, availableSeconds, meanUpSeconds, oracleGoodput } = report;
  const times = options.repeats === 1 ? '' : `, each ${options.repeats} times`;
  terminal.print(
    `${formatCount(traceCount, 'trace')}${times} · ${formatDuration(availableSeconds * 1_000)} of machines, ${formatDuration(meanUpSeconds * 1_000)} at a time on average`,
  );
  terminal.print(
    `${formatBytes(options.stateBytes)} of state · ${formatBytes(options.bandwidthBytesPerSecond)}/s · boot ${formatDuration(options.bootSeconds * 1_000)} · ${percent(options.missedShare, 1)} of notices missed · seed ${options.seed}`,
  );
  terminal.print();
  const columns: readonly Column<PolicyResult>[] = [
    { title: 'POLICY', value: ({ policy }) => policy },
    { title: 'GOODPUT', value: ({ goodput }) => percent(goodput, 2), align: 'right' },
    { title: 'OF ORACLE', value: ({ ofOracle }) => ofOracle.toFixed(4), align: 'right' },
    { title: 'WORST', value: ({ worst }) => worst?.ofOracle.toFixed(4) ?? '-', align: 'right' },
    { title: 'LOST', value: (one) => percent(one.seconds.lost / one.availableSeconds, 2), align: 'right' },
    { title: 'STEPS LOST', value: ({ lostSteps }) => String(lostSteps), align: 'right' },
    { title: 'SAVES', value: ({ saves }) => String(saves), align: 'right' },
    { title: 'REQUESTS', value: ({ usd }) => formatUsd(usd.requests), align: 'right' },
    {
      title: 'USD/USEFUL HOUR',
      value: ({ usdPerUsefulHour }) => formatUsd(usdPerUsefulHour),
      align: 'right',
    },
  ];
  for (const line of table(report.policies, columns, colors.bold)) terminal.print(line);
  terminal.print();
  terminal.print(`The oracle, which pays only boot and download, reaches ${percent(oracleGoodput, 2)}.`);
  const worst = report.policies[0]?.worst;
  if (worst !== undefined) terminal.print(`Worst trace for holdfast: ${worst.trace}.`);
}

function percent(share: number, digits: number): string {
  return `${(share * 100).toFixed(digits)} %`;
}
