import { loadSpec } from '../../lib/client/load-spec.ts';
import { type JobView, readJob } from '../../lib/client/read-job.ts';
import { summarizeJob } from '../../lib/client/summarize-job.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { JobSpec } from '../../lib/contract/job-spec.ts';
import type { CheckpointRecord, JobState } from '../../lib/journal/job-state.ts';
import { isUnfinishedFork } from '../../lib/journal/status.ts';
import { afterFailure } from '../after-failure.ts';
import type { CliContext, Command } from '../context.ts';
import { formatAge, formatBytes, formatCount, formatDuration, formatNumber } from '../format.ts';
import type { JobInput } from '../inputs.ts';
import { keepText } from '../keep-text.ts';
import { lossText, paintStatus, statusText, stepText } from '../status-text.ts';
import { type Column, table } from '../table.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast show JOB`: all that is known of one job. */
export const show: Command<JobInput> = (context, { jobId }) =>
  withRegion(context, async (region) => {
    const view = await readJob(region, jobId);
    const { state } = view;
    const spec = state.spec === null ? null : await loadSpec(region.store, state.spec);
    if (context.terminal.json) {
      const { heartbeat = null, heartbeatAgeMs = null } = view;
      context.terminal.printJson({ job: summarizeJob(view), state, spec, heartbeat, heartbeatAgeMs });
      return exitCodes.ok;
    }
    printHead(context, view, spec);
    printCheckpoints(context, view);
    printEnd(context, view);
    return exitCodes.ok;
  });

function printHead({ terminal, clock }: CliContext, view: JobView, spec: JobSpec | null): void {
  const { state } = view;
  const { colors } = terminal;
  const job = summarizeJob(view);
  const { interruptions, silentDeaths, lostSteps } = state.totals;
  const line = (title: string, text: string): void =>
    terminal.print(`  ${colors.dim(title.padEnd(11))} ${text}`);
  terminal.print(`${colors.bold(state.jobId)}  ${paintStatus(colors, job)(statusText(job))}`);
  line('name', state.name);
  for (const [title, text] of lineage(state)) line(title, text);
  line('submitted', `${state.submittedAt} (${formatAge(state.submittedAt, clock.now())} ago)`);
  if (spec !== null) for (const [title, text] of specLines(spec)) line(title, text);
  line('position', `step ${stepText(job)} · epoch ${job.epoch} · loss ${lossText(job)}${speedText(job)}`);
  line('worker', workerText(view, clock.now()));
  line(
    'recoveries',
    `${interruptions} announced · ${silentDeaths} without notice · ${formatCount(lostSteps, 'step')} done again`,
  );
}

/** Where the job comes from, and which jobs began with a checkpoint of it within a day. */
function lineage(state: JobState): ReadonlyArray<readonly [title: string, text: string]> {
  const { jobId, forkedFrom: from, forks } = state;
  const unfinished = isUnfinishedFork(state)
    ? ` · not made yet: \`holdfast fork ${from?.jobId}@${from?.checkpoint} --id ${jobId}\` finishes it`
    : '';
  return [
    ...(from === null
      ? []
      : [['forked from', `${from.jobId} at step ${from.step} (${from.checkpoint})${unfinished}`] as const]),
    ...forks.map(({ checkpoint, child }) => ['fork', `${child} from ${checkpoint}`] as const),
  ];
}

function specLines(spec: JobSpec): ReadonlyArray<readonly [title: string, text: string]> {
  const { program, inputs, save, keep } = spec;
  const saves = [
    save.everySteps === undefined ? '' : `every ${formatCount(save.everySteps, 'step')}`,
    save.everySeconds === undefined ? '' : `every ${formatDuration(save.everySeconds * 1_000)}`,
    save.everyEpochs === undefined ? '' : `every ${formatCount(save.everyEpochs, 'epoch')}`,
  ].filter((text) => text !== '');
  const common: ReadonlyArray<readonly [string, string]> = [
    ...Object.entries(inputs).map(([name, { uri }]) => ['input', `${name} = ${uri}`] as const),
    ['saves', saves.length === 0 ? defaultSaves(program.kind) : saves.join(', ')],
    ['keeps', keepText(keep)],
  ];
  if (program.kind === 'command') return [['command', program.command.join(' ')], ...common];
  const params = Object.entries(program.params).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [
    ['program', `${program.source} (${program.sha256.slice(0, 12)})`],
    ...(params.length === 0 ? [] : [['parameters', params.join(' ')] as const]),
    ...common,
  ];
}

/** What `savePolicy` does unless told otherwise; any other program saves when it likes. */
function defaultSaves(kind: JobSpec['program']['kind']): string {
  return kind === 'command' ? 'when the program does' : 'at an interval that adapts';
}

function speedText({ examplesPerSecond }: { readonly examplesPerSecond: number | null }): string {
  return examplesPerSecond === null ? '' : ` · ${formatNumber(Math.round(examplesPerSecond))} examples/s`;
}

function workerText({ state: { claim }, isLive, heartbeatAgeMs }: JobView, now: Date): string {
  if (claim === null) return 'none';
  const { id, type, zone } = claim.instance;
  const heard = heartbeatAgeMs === undefined ? '' : ` · heard ${formatDuration(heartbeatAgeMs)} ago`;
  return `${id} (${type}, ${zone}) · claim ${claim.token} · for ${formatAge(claim.at, now)}${heard}${isLive ? '' : ' · silent'}`;
}

function printCheckpoints({ terminal, clock }: CliContext, { state }: JobView): void {
  const { colors } = terminal;
  if (state.checkpoints.length === 0) return;
  const now = clock.now();
  const columns: readonly Column<CheckpointRecord>[] = [
    { title: 'CHECKPOINT', value: ({ id }) => id },
    { title: 'STEP', value: ({ step }) => String(step), align: 'right' },
    { title: 'EPOCH', value: ({ epoch }) => String(epoch), align: 'right' },
    { title: 'REASON', value: ({ reason }) => reason },
    { title: 'SIZE', value: ({ bytes }) => formatBytes(bytes), align: 'right' },
    { title: 'NEW', value: ({ newBytes }) => formatBytes(newBytes), align: 'right' },
    { title: 'AGE', value: ({ at }) => formatAge(at, now), align: 'right' },
    { title: 'NOTE', value: noteOf },
  ];
  terminal.print();
  for (const line of table(state.checkpoints.toReversed(), columns, colors.bold)) terminal.print(line);
  terminal.suggest(
    `\`holdfast checkpoints ls ${state.jobId}\` tells why each was saved, and what must stay.`,
  );
}

function noteOf({ best, pinned, quarantined }: CheckpointRecord): string {
  return [
    pinned ? 'pinned' : '',
    best === undefined ? '' : `best ${best.metric} ${formatNumber(best.value)}`,
    quarantined === undefined ? '' : `not good: ${quarantined}`,
  ]
    .filter((note) => note !== '')
    .join(', ');
}

function printEnd({ terminal }: CliContext, { state }: JobView): void {
  const { colors } = terminal;
  const { strikes, end, ignored } = state;
  if (strikes.total > 0) {
    terminal.print();
    terminal.print(
      colors.yellow(
        `${formatCount(strikes.total, 'strike')} (${strikes.errors} of the program), up to step ${strikes.step}`,
      ),
    );
    if (strikes.lastMessage !== null) terminal.print(indented(strikes.lastMessage));
  }
  if (end !== null) {
    terminal.print();
    terminal.print(`${colors.bold(end.kind)} at step ${end.step} (${end.reason})`);
    if (!['', end.reason, strikes.lastMessage].includes(end.message)) terminal.print(indented(end.message));
    const metrics = Object.entries(end.metrics).map(([name, value]) => `${name} ${formatNumber(value)}`);
    if (metrics.length > 0) terminal.print(`  ${metrics.join(' · ')}`);
  }
  if (ignored.count > 0) {
    const last = ignored.last.at(-1);
    terminal.say(`${ignored.count} journal entries broke a rule and count for nothing; last: ${last?.why}`);
  }
  if (end?.kind === 'failed') {
    terminal.suggest(afterFailure(state));
  }
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}
