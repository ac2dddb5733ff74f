import {
  type CheckpointDescription,
  describeCheckpoint,
  type DescribedFile,
} from '../../lib/client/describe-checkpoint.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { CliContext, Command } from '../context.ts';
import { formatAge, formatBytes, formatCount, formatDuration } from '../format.ts';
import type { CheckpointInput } from '../inputs.ts';
import { marksText } from '../marks-text.ts';
import { type Column, table } from '../table.ts';
import { withRegion } from '../with-region.ts';

/** Files that a person reads; `--json` names all of them. */
const filesMax = 40;

/** `holdfast checkpoints show JOB CHECKPOINT`: what it holds, where its chunks lie, and what committed it. */
export const checkpointsShow: Command<CheckpointInput> = (context, { jobId, checkpoint }) =>
  withRegion(context, async (region) => {
    const { terminal } = context;
    const signal = context.untilInterrupted();
    const description = await describeCheckpoint(region, { jobId, checkpoint, signal });
    if (terminal.json) {
      const { entry, manifest, trouble, ...rest } = description;
      terminal.printJson({
        jobId,
        ...rest,
        entry: entry ?? null,
        manifest: manifest ?? null,
        trouble: trouble ?? null,
      });
      return exitCodes.ok;
    }
    printHead(context, description);
    printManifest(context, description);
    if (description.trouble !== undefined) {
      terminal.say(`Its manifest cannot be used: ${description.trouble}`);
      terminal.suggest(
        `\`holdfast checkpoints verify ${jobId} ${description.checkpoint.id}\` reads it once more.`,
      );
    }
    return exitCodes.ok;
  });

function lineOf({ terminal }: CliContext): (title: string, text: string) => void {
  return (title, text) => terminal.print(`  ${terminal.colors.dim(title.padEnd(13))} ${text}`);
}

function printHead(context: CliContext, { checkpoint, entry }: CheckpointDescription): void {
  const { terminal, clock } = context;
  const line = lineOf(context);
  const { id, step, epoch, example, at, reason, why, bytes, newBytes, elapsedMs, manifest } = checkpoint;
  terminal.print(terminal.colors.bold(id));
  line('position', `step ${step} · epoch ${epoch} · example ${example}`);
  line('saved', `${at} (${formatAge(at, clock.now())} ago), in ${formatDuration(elapsedMs)}`);
  line('saved for', why === undefined ? reason : `${reason}: ${why}`);
  line('size', `${formatBytes(bytes)}, of which ${formatBytes(newBytes)} were sent`);
  if (checkpoint.marks.length > 0) line('marks', marksText(checkpoint));
  line('journal', `entry ${checkpoint.sequence}, claim ${checkpoint.claim}`);
  if (entry?.noticeToDurableMs !== undefined) line('after notice', formatDuration(entry.noticeToDurableMs));
  if (entry !== undefined && entry.drops.length > 0) line('dropped', entry.drops.join(', '));
  line('manifest', `${manifest.sha256} at ${manifest.key}`);
}

function printManifest(context: CliContext, { manifest, files, reused }: CheckpointDescription): void {
  if (manifest === undefined) return;
  const { terminal } = context;
  const line = lineOf(context);
  const { runtime, parent, omitted = [], compatibility, format } = manifest;
  const versions = Object.entries(runtime.versions).map(([name, version]) => `${name} ${version}`);
  line('format', String(format));
  line('made after', parent ?? 'nothing: it is the first');
  line('runtime', [runtime.backend, runtime.arch, ...versions].join(' · '));
  for (const [name, value] of Object.entries(compatibility)) line(name, JSON.stringify(value));
  if (omitted.length > 0) line('left out', `${omitted.join(', ')}, as the job wishes`);
  terminal.print();
  const columns: readonly Column<DescribedFile>[] = [
    { title: 'FILE', value: ({ path }) => path },
    { title: 'SIZE', value: ({ bytes }) => formatBytes(bytes), align: 'right' },
    { title: 'STORED', value: ({ stored }) => formatBytes(stored), align: 'right' },
    { title: 'CHUNKS', value: ({ chunks }) => String(chunks), align: 'right' },
    { title: 'NEW', value: ({ newChunks }) => String(newChunks), align: 'right' },
    { title: 'CODEC', value: ({ codecs }) => codecs.join(', ') },
  ];
  for (const row of table(files.slice(0, filesMax), columns, terminal.colors.bold)) terminal.print(row);
  if (files.length > filesMax) terminal.print(`and ${formatCount(files.length - filesMax, 'file')} more`);
  if (reused.length === 0) return;
  terminal.print();
  for (const { from, chunks, bytes, isRetained } of reused) {
    const fate = isRetained ? '' : ', which was dropped; what is named here stays';
    terminal.print(`re-uses ${formatCount(chunks, 'chunk')} (${formatBytes(bytes)}) of ${from}${fate}`);
  }
}
