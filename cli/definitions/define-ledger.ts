import { Option } from 'commander';
import { UsageError } from '../../lib/base/errors.ts';
import type { SimulateInput } from '../inputs.ts';
import { parseBytes } from '../parse-bytes.ts';
import { parseCount } from '../parse-count.ts';
import { parseDuration } from '../parse-duration.ts';
import { parseShare } from '../parse-share.ts';
import { parseUsd } from '../parse-usd.ts';
import { collect, type Define } from './run.ts';

interface SimulateOptions {
  readonly trace?: readonly string[];
  readonly traces?: string;
  readonly ones?: 'available' | 'unavailable';
  readonly saveEvery?: readonly string[];
  readonly svg?: string;
  readonly state: number;
  readonly bandwidth: number;
  readonly step: number;
  readonly boot: number;
  readonly missed: number;
  readonly price: number;
  readonly seed: number;
  readonly repeats: number;
}

const simulateHelp = `
Examples:
  $ holdfast simulate --state 10GB --svg goodput.svg
  $ holdfast simulate --traces recordings/ --missed 0% --save-every 10m

Recordings: JSON \`{"metadata": {"gap_seconds": 600}, "data": [1, 0, …]}\`, lines \`milliseconds,add|remove,machine\`,
or lines \`date, time, machines\`. Without any, up-times with published statistics are drawn.`;

export const defineLedger: Define = (program, run) => {
  program
    .command('goodput')
    .summary("tell where a job's time went")
    .description('Tells where the time of a job went: training, work done again, saving, restoring, waiting.')
    .argument('<job>', 'job id')
    .action((jobId: string) => run(async () => (await import('../commands/goodput.ts')).goodput, { jobId }));

  program
    .command('cost')
    .summary('tell what a job has cost')
    .description(
      'Tells what the machines and the requests of a job have cost, and what of it was for nothing.',
    )
    .argument('<job>', 'job id')
    .option(
      '--price <usd>',
      'USD an hour of each machine (default: Spot prices of the market, where it runs on AWS)',
      (text) => parseUsd(text, '--price'),
    )
    .action((jobId: string, { price }: { readonly price?: number }) =>
      run(async () => (await import('../commands/cost.ts')).cost, {
        jobId,
        ...(price === undefined ? {} : { usdPerHour: price }),
      }),
    );

  program
    .command('simulate')
    .summary('tell what training on Spot machines would come to')
    .description(
      "Runs Holdfast's own save policies, and others, over recordings of Spot machines, and tells what of the time was training.",
    )
    .option('--trace <file...>', 'recordings of machines')
    .option('--traces <dir>', 'a folder of them (default: HOLDFAST_TRACES)')
    .addOption(
      new Option('--ones <meaning>', 'what a 1 stands for, where a recording does not tell').choices([
        'available',
        'unavailable',
      ]),
    )
    .addOption(typed(['--state <bytes>', 'bytes of a checkpoint'], bytesOf('--state'), [1e9, '1GB']))
    .addOption(typed(['--bandwidth <bytes/s>', 'of the network'], bandwidthOf, [0.6e9, '0.6GB/s']))
    .addOption(typed(['--step <duration>', 'of one step'], secondsOf('--step'), [0.3, '300ms']))
    .addOption(typed(['--boot <duration>', 'until a machine works'], secondsOf('--boot'), [90, '90s']))
    .addOption(
      typed(['--missed <share>', 'interruptions without a notice'], shareOf('--missed'), [0.05, '5%']),
    )
    .addOption(typed(['--price <usd>', 'an hour of a machine'], usdOf('--price'), [0.3, '0.3']))
    .addOption(typed(['--seed <n>', 'decides which notices are missed'], countOf('--seed', 0), [1, '1']))
    .addOption(typed(['--repeats <n>', 'runs of each trace'], repeatsOf, [5, '5']))
    .option(
      '--save-every <when>',
      '100steps, 30s or 10m instead of the adaptive interval (repeatable)',
      collect,
    )
    .option('--svg <file>', 'write a picture')
    .addHelpText('after', simulateHelp)
    .action((options: SimulateOptions) =>
      run(async () => (await import('../commands/simulate.ts')).simulate, simulateInput(options)),
    );
};

function simulateInput(options: SimulateOptions): SimulateInput {
  const {
    trace = [],
    traces,
    ones,
    saveEvery = [],
    svg,
    state,
    bandwidth,
    step,
    boot,
    missed,
    price,
  } = options;
  return {
    trace,
    saveEvery,
    ...(traces === undefined ? {} : { tracesDir: traces }),
    ...(ones === undefined ? {} : { ones }),
    ...(svg === undefined ? {} : { svg }),
    options: {
      stateBytes: state,
      bandwidthBytesPerSecond: bandwidth,
      stepSeconds: step,
      bootSeconds: boot,
      missedShare: missed,
      usdPerInstanceHour: price,
      seed: options.seed,
      repeats: options.repeats,
    },
  };
}

/** Its default is shown as a person types it. */
function typed(
  [flags, description]: readonly [flags: string, description: string],
  parse: (text: string) => number,
  [value, shown]: readonly [value: number, shown: string],
): Option {
  return new Option(flags, description).argParser(parse).default(value, shown);
}

const bytesOf = (option: string) => (text: string) => parseBytes(text, option);
const secondsOf = (option: string) => (text: string) => parseDuration(text, option) / 1_000;
const shareOf = (option: string) => (text: string) => parseShare(text, option);
const usdOf = (option: string) => (text: string) => parseUsd(text, option);
const countOf = (option: string, least: number) => (text: string) => parseCount(text, option, least);
/** A quarter of an hour for the generated traces; the figures stand still long before. */
const repeatsMax = 1_000;

function repeatsOf(text: string): number {
  const repeats = parseCount(text, '--repeats');
  if (repeats > repeatsMax)
    throw new UsageError(`--repeats is at most ${repeatsMax}: \`${text}\`.`, {
      hint: 'The figures hardly move beyond 20.',
    });
  return repeats;
}

const bandwidthOf = (text: string): number => parseBytes(text.replace(/\/s$/, ''), '--bandwidth');
