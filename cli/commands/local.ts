import { resolve } from 'node:path';
import { jsonLog } from '../../lib/base/log.ts';
import { UnfitError, UsageError } from '../../lib/base/errors.ts';
import { builtFile } from '../../lib/base/package-files.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import { timersFrom } from '../../lib/contract/timers.ts';
import { type LocalRegion, openLocalRegion } from '../../local/local-region.ts';
import type { MarketEnd, MarketEvent } from '../../local/market-event.ts';
import type { CliContext, Command } from '../context.ts';
import { formatClockTime, formatDuration } from '../format.ts';
import type { LocalInput } from '../inputs.ts';

/** `holdfast local`: a region on this machine, until Ctrl-C. */
export const local: Command<LocalInput> = async (context, input) => {
  const signal = context.untilInterrupted();
  const dir = resolve(context.cwd, context.options.dir ?? '.holdfast');
  await using region = await open(context, input, dir);
  announce(context, { region, input, dir });
  const end = await Promise.race([region.market.ended, aborted(signal)]);
  if (end === undefined) {
    context.terminal.suggest('Stopping. Jobs, checkpoints and logs stay where they are.');
    return exitCodes.interrupted;
  }
  throw errorOf(end, dir);
};

async function open(context: CliContext, input: LocalInput, dir: string): Promise<LocalRegion> {
  const { clock, random, terminal } = context;
  const { heartbeatMs, visibilityMs, workers, noticeMs, bandwidthBytesPerSecond, seed } = input;
  if (visibilityMs < 3 * heartbeatMs) {
    throw new UsageError('a ticket must stay hidden for at least three heartbeats.', {
      facts: { heartbeatMs, visibilityMs },
      hint: 'Make --visibility longer, or --heartbeat shorter.',
    });
  }
  return openLocalRegion({
    dir,
    timers: timersFrom({ heartbeatMs, visibilityMs }),
    workers,
    noticeMs,
    workerCommand: [process.execPath, builtFile('cli/main.js'), 'worker'],
    onEvent: (event) => showEvent(context, event),
    clock,
    random,
    log: jsonLog({ clock, level: 'warn', write: (line) => terminal.say(line.trimEnd()) }),
    ...(bandwidthBytesPerSecond === undefined ? {} : { storeBytesPerSecond: bandwidthBytesPerSecond }),
    ...(input.interruptEveryMs === undefined
      ? {}
      : {
          interruptions: {
            everyMs: input.interruptEveryMs,
            noNotice: input.notice ? 0 : 1,
            seed: seed ?? Math.floor(random.next() * 2 ** 31),
          },
        }),
  });
}

function announce(
  { terminal, cwd }: CliContext,
  { region, input, dir }: { readonly region: LocalRegion; readonly input: LocalInput; readonly dir: string },
): void {
  const { storeUri, queueUri } = region;
  if (terminal.json) {
    terminal.printJson({ region: { dir, store: storeUri, queue: queueUri, ...input } });
    return;
  }
  const where = dir === resolve(cwd, '.holdfast') ? '' : ` --dir ${dir}`;
  terminal.print(`A region on this machine: ${dir}`);
  terminal.print(
    `  ${input.workers} ${input.workers === 1 ? 'worker' : 'workers'} · notice ${input.notice ? formatDuration(input.noticeMs) : 'none'}${input.interruptEveryMs === undefined ? '' : ` · an interruption every ${formatDuration(input.interruptEveryMs)}`}`,
  );
  terminal.suggest(`Next, in another terminal here: \`holdfast submit train.ts${where}\``);
  terminal.suggest(
    `Then \`holdfast ls${where}\` and \`holdfast watch JOB${where}\`. Ctrl-C stops the region.`,
  );
}

function showEvent({ terminal }: CliContext, event: MarketEvent): void {
  // Told once, by the command's own last words.
  if (event.kind === 'stopped') return;
  const { at, ...facts } = event;
  if (terminal.json) {
    terminal.printJson({ event: { ...facts, at: at.toISOString() } });
    return;
  }
  terminal.print(`${formatClockTime(at.toISOString())}  ${eventText(event)}`);
}

function eventText(event: Exclude<MarketEvent, { kind: 'stopped' }>): string {
  switch (event.kind) {
    case 'instance-started':
      return `${event.instance.id} started in ${event.instance.zone} (log: ${event.logFile})`;
    case 'rebalance-recommended':
      return `${event.instanceId} rebalance recommendation`;
    case 'notice':
      return `${event.instanceId} Spot interruption notice: ${event.action} in ${formatDuration(event.noticeMs)}`;
    case 'exited':
      return `${event.instanceId} its worker ended with ${event.code ?? 'a signal'}`;
    case 'killed':
      return `${event.instanceId} is gone (${event.why})`;
  }
}

function errorOf(end: MarketEnd, dir: string): UnfitError {
  const message = 'message' in end ? end.message : 'it was disposed of';
  return new UnfitError(`the local region stopped: ${message}`, {
    hint: `The workers' logs lie in ${dir}/instances.`,
    ...('error' in end ? { cause: end.error } : {}),
  });
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((done) => {
    if (signal.aborted) done(undefined);
    else signal.addEventListener('abort', () => done(undefined), { once: true });
  });
}
