import { resolve } from 'node:path';
import { ConflictError } from '../base/errors.ts';
import { ChunkReader } from '../checkpoint/chunk-reader.ts';
import { readTrainerDocument } from './diff-checkpoints.ts';
import { writeExport } from './export-folder.ts';
import { layersModelFiles, type LayersModelPlan, wholeOf } from './layers-model.ts';
import { openCheckpoint, type OpenedCheckpoint, readingPorts, whileRetained } from './open-checkpoint.ts';
import type { Region } from './region.ts';

export interface ExportOptions {
  readonly jobId: string;
  /** Id, `step120`, `latest` or `best`. */
  readonly checkpoint: string;
  /** Not there yet, or empty. */
  readonly dir: string;
  /** `safetensors`: the checkpoint's files as they are. `layers`: what `tf.loadLayersModel` opens. */
  readonly format: ExportFormat;
  /** For `layers`: name of the `state` that is the model; needed where there are several. */
  readonly state?: string | undefined;
  /** For `layers`: name of the `state` that holds averages of the weights, to be taken in their place. */
  readonly weights?: string | undefined;
  /** Also one that is quarantined. Its bytes must be whole all the same. @default false */
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: { readonly bytes: number; readonly of: number }) => void) | undefined;
}

export type ExportFormat = 'safetensors' | 'layers';

export interface Exported {
  readonly jobId: string;
  /** Its id. */
  readonly checkpoint: string;
  readonly step: number;
  readonly epoch: number;
  readonly format: ExportFormat;
  /** Absolute. */
  readonly dir: string;
  /** The model, for `layers`. */
  readonly state: string | null;
  readonly weights: string | null;
  readonly files: ReadonlyArray<{ readonly path: string; readonly bytes: number }>;
  /** What is not in the folder, in words. */
  readonly notes: readonly string[];
}

/**
 * A checkpoint as a folder for other programs. Every byte is verified before it is written and read back after; what goes
 * wrong, whenever, leaves nothing in the place of the folder.
 * @throws NotFoundError; ConflictError when the folder is not empty, the checkpoint is quarantined, or was dropped meanwhile;
 * CorruptionError when it is damaged; UsageError when there is no such model; UnfitError when the disk does not take it
 */
export async function exportCheckpoint(region: Region, options: ExportOptions): Promise<Exported> {
  const { jobId, format, weights, signal = new AbortController().signal, onProgress } = options;
  const dir = resolve(options.dir);
  const opened = await openCheckpoint(region, { jobId, checkpoint: options.checkpoint, signal });
  if (options.force !== true) refuseQuarantined(opened);
  const { manifest, record } = opened;
  return whileRetained(region, [opened], async () => {
    const reader = new ChunkReader(readingPorts(region));
    const plan = await planOf(reader, opened, { ...options, signal });
    const { files } = plan;
    await writeExport({ dir, files, random: region.random, signal, onProgress });
    const omitted = manifest.omitted ?? [];
    return {
      jobId,
      checkpoint: record.id,
      step: record.step,
      epoch: record.epoch,
      format,
      dir,
      state: plan.state,
      weights: weights ?? null,
      files: files.map(({ path, bytes }) => ({ path, bytes })),
      notes: [
        ...plan.notes,
        ...(omitted.length === 0 ? [] : [`not in the checkpoint, as the job wishes: ${omitted.join(', ')}`]),
      ],
    };
  });
}

async function planOf(
  reader: ChunkReader,
  opened: OpenedCheckpoint,
  options: ExportOptions & { readonly signal: AbortSignal },
): Promise<Omit<LayersModelPlan, 'state'> & { readonly state: string | null }> {
  const { format, state, weights, signal } = options;
  if (format === 'safetensors') {
    return { state: null, files: opened.manifest.files.map((file) => wholeOf(reader, file)), notes: [] };
  }
  const document = await readTrainerDocument(reader, opened, signal);
  return layersModelFiles(reader, { opened, document, state, weights }, signal);
}

function refuseQuarantined({ jobId, record }: OpenedCheckpoint): void {
  if (record.quarantined === undefined) return;
  throw new ConflictError(
    `checkpoint ${record.id} of job \`${jobId}\` is quarantined: ${record.quarantined}`,
    {
      hint: `\`holdfast checkpoints verify ${jobId} ${record.id}\` says whether it is whole; --force exports it if so.`,
    },
  );
}
