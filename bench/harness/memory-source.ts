import type { CheckpointSource } from '../../lib/checkpoint/source.ts';

/** Files of a checkpoint that are whole and in memory. */
export function memorySource(files: Readonly<Record<string, Uint8Array>>): CheckpointSource {
  return {
    files: Object.entries(files).map(([path, content]) => ({ path, bytes: content.length })),
    available: () => Promise.resolve(),
    read: (path, offset, length) =>
      Promise.resolve((files[path] ?? new Uint8Array()).subarray(offset, offset + length)),
    complete: () => Promise.resolve(),
  };
}
