import { assert } from '../base/assert.ts';
import type { Chunk, Manifest } from '../contract/manifest.ts';
import { type ChunkPlace, type ChunkReceiver, inProcessReceiver } from './chunk-receiver.ts';
import { inLanes } from './lanes.ts';
import { openRestoreFolder } from './restore-folder.ts';
import type { DownloadPorts } from './verified-get.ts';

export interface DownloadOptions {
  readonly manifest: Manifest;
  /** Scratch folder that belongs to this download: emptied first. */
  readonly dir: string;
  /** Who fetches, verifies and writes the chunks. @default this process */
  readonly receiver?: ChunkReceiver | undefined;
  /** Chunks in flight at once, 8 MiB of memory each. @default as many as the receiver has room for */
  readonly lanes?: number | undefined;
  readonly signal: AbortSignal;
  /** Called with the raw bytes received so far, growing. */
  readonly onProgress?: ((receivedBytes: number) => void) | undefined;
}

/**
 * Files of a checkpoint, every chunk verified before it is written; a file's digest is that of its chunks' digests, which
 * `readManifest` has compared. When this resolves, `dir` holds the checkpoint's files and nothing else.
 * @returns raw bytes of all files
 * @throws CorruptionError for the first damaged chunk; UnfitError when the disk does not take the files; errors of the store
 */
export async function downloadCheckpoint(ports: DownloadPorts, options: DownloadOptions): Promise<number> {
  const { manifest, dir, signal, onProgress } = options;
  const receiver = options.receiver ?? inProcessReceiver(ports);
  const folder = await (receiver.openFolder?.(dir) ?? openRestoreFolder(dir));
  for (const file of manifest.files) await folder.create(file.path, file.bytes);
  let receivedBytes = 0;
  const targets = targetsByKey(manifest);
  await inLanes({ lanes: options.lanes ?? receiver.lanes, signal }, async (lanes) => {
    const receive = async ({ chunk, places }: Target): Promise<void> => {
      await receiver.receive({ chunk, places, root: folder.root, signal: lanes.signal });
      receivedBytes += chunk.bytes * places.length;
      onProgress?.(receivedBytes);
    };
    await Promise.all(targets.map((target) => lanes.run(() => receive(target))));
  });
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  assert(receivedBytes === bytes, 'a download ends with every byte in its place', { receivedBytes, bytes });
  return bytes;
}

interface Target {
  readonly chunk: Chunk;
  readonly places: ChunkPlace[];
}

/** A chunk that occurs several times is fetched once. */
function targetsByKey(manifest: Manifest): readonly Target[] {
  const targets = new Map<string, Target>();
  for (const file of manifest.files) {
    let offset = 0;
    for (const chunk of file.chunks) {
      const target = targets.get(chunk.key) ?? { chunk, places: [] };
      target.places.push({ path: file.path, offset });
      targets.set(chunk.key, target);
      offset += chunk.bytes;
    }
  }
  return [...targets.values()];
}
