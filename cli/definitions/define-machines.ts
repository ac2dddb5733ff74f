import { Option } from 'commander';
import { formatDuration } from '../format.ts';
import type { LocalInput, WorkerInput } from '../inputs.ts';
import { parseBytes } from '../parse-bytes.ts';
import { parseCount } from '../parse-count.ts';
import { parseDuration } from '../parse-duration.ts';
import type { Define } from './run.ts';

const durationOf = (option: string) => (text: string) => parseDuration(text, option);

/** Its default is shown as a person types it. */
function timer(name: string, description: string, defaultMs: number): Option {
  return new Option(`${name} <duration>`, description)
    .argParser(durationOf(name))
    .default(defaultMs, formatDuration(defaultMs));
}

interface WorkerOptions {
  readonly workDir?: string;
  readonly once?: boolean;
  readonly imds?: string;
  readonly heartbeat?: number;
  readonly visibility?: number;
  readonly idleExit?: number;
  readonly autoScalingGroup?: string;
}

interface LocalOptions {
  readonly workers: number;
  readonly notice: number | false;
  readonly heartbeat: number;
  readonly visibility: number;
  readonly bandwidth?: number;
  readonly interruptEvery?: number;
  readonly seed?: number;
}

/** A notice has two minutes on EC2; one that is told in a local region without `--notice` has twelve seconds. */
const noticeMsDefault = 12_000;

function localInput(options: LocalOptions): LocalInput {
  const { notice, heartbeat, visibility, bandwidth, interruptEvery, seed, workers } = options;
  return {
    workers,
    notice: notice !== false,
    noticeMs: notice === false ? noticeMsDefault : notice,
    heartbeatMs: heartbeat,
    visibilityMs: visibility,
    ...(bandwidth === undefined ? {} : { bandwidthBytesPerSecond: bandwidth }),
    ...(interruptEvery === undefined ? {} : { interruptEveryMs: interruptEvery }),
    ...(seed === undefined ? {} : { seed }),
  };
}

function workerInput(options: WorkerOptions): WorkerInput {
  const { workDir, once = false, imds, heartbeat, visibility, idleExit, autoScalingGroup } = options;
  return {
    once,
    ...(workDir === undefined ? {} : { workDir }),
    ...(imds === undefined ? {} : { imds }),
    ...(heartbeat === undefined ? {} : { heartbeatMs: heartbeat }),
    ...(visibility === undefined ? {} : { visibilityMs: visibility }),
    ...(idleExit === undefined ? {} : { idleExitMs: idleExit }),
    ...(autoScalingGroup === undefined ? {} : { autoScalingGroup }),
  };
}

export const defineMachines: Define = (program, run) => {
  program
    .command('local')
    .summary('run a region on this machine')
    .description('Runs store, queue, metadata service and workers on this machine, until Ctrl-C.')
    .option('--workers <count>', 'machines at a time', (text: string) => parseCount(text, '--workers'), 1)
    .addOption(timer('--notice', 'time from a notice to the kill', noticeMsDefault))
    .option('--no-notice', 'kill without any notice')
    .addOption(timer('--heartbeat', 'between two signs of life', 1_500))
    .addOption(timer('--visibility', 'a ticket stays hidden this long', 6_000))
    .option('--bandwidth <bytes>', 'limit of the store a second, as 400kB', (text: string) =>
      parseBytes(text, '--bandwidth'),
    )
    .option(
      '--interrupt-every <duration>',
      'mean time between interruptions',
      durationOf('--interrupt-every'),
    )
    .option('--seed <integer>', 'of the interruptions', (text: string) => parseCount(text, '--seed', 0))
    .action((options: LocalOptions) =>
      run(async () => (await import('../commands/local.ts')).local, localInput(options)),
    );

  program
    .command('worker')
    .summary('work on jobs (what an instance runs)')
    .description('Takes jobs from the queue, one at a time, until the machine is taken away or told to stop.')
    .option('--work-dir <dir>', 'scratch space; checkpoints are staged here')
    .option('--once', 'end with 0 once the queue is empty')
    .option('--imds <url>', 'instance metadata service, or none')
    .option('--heartbeat <duration>', 'between two signs of life', durationOf('--heartbeat'))
    .option('--visibility <duration>', 'a ticket stays hidden this long', durationOf('--visibility'))
    .option('--idle-exit <duration>', 'end after this long without a job', durationOf('--idle-exit'))
    .option('--auto-scaling-group <name>', 'the EC2 Auto Scaling group that this instance belongs to')
    .action((options: WorkerOptions) =>
      run(async () => (await import('../commands/worker.ts')).worker, workerInput(options)),
    );
};
