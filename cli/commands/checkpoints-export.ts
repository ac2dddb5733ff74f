import { join, relative, resolve } from 'node:path';
import { UsageError } from '../../lib/base/errors.ts';
import { exportCheckpoint, type ExportFormat, type Exported } from '../../lib/client/export-checkpoint.ts';
import type { Region } from '../../lib/client/region.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import { parseCheckpointId } from '../../lib/contract/object-keys.ts';
import type { CliContext, Command } from '../context.ts';
import { formatBytes, formatCount } from '../format.ts';
import type { ExportCheckpointInput } from '../inputs.ts';
import { ProgressLine } from '../progress-line.ts';
import { unlessDamaged } from '../unless-damaged.ts';
import { withRegion } from '../with-region.ts';

const formats: readonly ExportFormat[] = ['safetensors', 'layers'];

/** `holdfast checkpoints export JOB [ID] DIR`: a checkpoint as a folder for other programs. */
export const checkpointsExport: Command<ExportCheckpointInput> = (context, input) => {
  const { checkpoint, folder } = placeIn(input);
  const format = formats.find((one) => one === input.format);
  if (format === undefined) {
    throw new UsageError(`there is no format \`${input.format}\`.`, {
      hint: `Formats: ${formats.join(', ')}.`,
    });
  }
  const { state, weights } = input;
  if (format !== 'layers' && (state !== undefined || weights !== undefined)) {
    throw new UsageError('--state and --weights choose a model: they go with --format layers.', {
      hint: 'Without it every file of the checkpoint is exported.',
    });
  }
  const { terminal } = context;
  const run = async (region: Region): Promise<number> => {
    const line = new ProgressLine(context);
    const exported = await exportCheckpoint(region, {
      jobId: input.jobId,
      checkpoint,
      dir: resolve(context.cwd, folder),
      format,
      state,
      weights,
      force: input.force,
      signal: context.untilInterrupted(),
      onProgress: (done) => line.show('exporting', done),
    }).finally(() => line.end());
    if (terminal.json) terminal.printJson(exported);
    else report(context, exported);
    return exitCodes.ok;
  };
  return withRegion(context, (region) => unlessDamaged(terminal, () => run(region)));
};

/** The folder is the last word; the checkpoint may stand before it. */
function placeIn({ words }: ExportCheckpointInput): { readonly checkpoint: string; readonly folder: string } {
  const [first = '', second, ...others] = words;
  if (others.length > 0) throw new UsageError('one checkpoint and one folder at a time.');
  if (second !== undefined) return { checkpoint: first, folder: second };
  // `export job step120` would otherwise write the newest into a folder of that name.
  if (parseCheckpointId(first) !== undefined || /^(?:(?:step)?\d+|latest|best)$/.test(first)) {
    throw new UsageError(`\`${first}\` names a checkpoint; the folder to write is missing.`, {
      hint: `A folder of that name is ./${first}.`,
    });
  }
  return { checkpoint: 'latest', folder: first };
}

function report({ terminal, cwd }: CliContext, exported: Exported): void {
  const { dir, files, notes, checkpoint, format } = exported;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  terminal.print(dir);
  terminal.suggest(`${checkpoint}: ${formatCount(files.length, 'file')}, ${formatBytes(bytes)}.`);
  for (const note of notes) terminal.suggest(`  ${note}`);
  const model = join(relative(cwd, dir), 'model.json');
  if (format === 'layers')
    terminal.suggest(
      `Next: await tf.loadLayersModel('file://${resolve(cwd, model)}'), in a program of Holdfast or with @tensorflow/tfjs-node; elsewhere tfjs opens no files.`,
    );
}
