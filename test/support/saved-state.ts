import { sha256Hex } from '../../lib/base/digest.ts';
import { defined } from '../../lib/base/assert.ts';
import { type StateEntryDocument, stateEntrySchema } from '../../lib/contract/trainer-document.ts';
import type { SavedFile, SavedState, TrainingState } from '../../lib/training/state.ts';
import { readSafetensors } from './read-safetensors.ts';

/** A state that went through bytes: files as they would lie on disk, entries as JSON. */
export interface SavedBytes extends SavedState {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readFile(path: string): Uint8Array;
  /** Of every file and of the entries: equal state, equal digest. */
  readonly digest: string;
}

export function saveState(state: TrainingState): SavedBytes {
  const held = state.hold();
  try {
    const files = new Map(
      held.files.map(({ path, pieces, bytes }) => {
        const file = Buffer.concat(pieces.map((piece) => piece.view?.() ?? piece.read()));
        if (file.length !== bytes) throw new Error(`${path} has ${file.length} bytes, not ${bytes}`);
        return [path, Uint8Array.from(file)];
      }),
    );
    return savedBytes(JSON.stringify(held.entries), files);
  } finally {
    held.release();
  }
}

function savedBytes(entries: string, files: ReadonlyMap<string, Uint8Array>): SavedBytes {
  const parts = [...files].map(([path, file]) => `${path}:${sha256Hex(file)}`);
  const documents: Record<string, StateEntryDocument> = {};
  for (const [name, entry] of Object.entries<unknown>(JSON.parse(entries)))
    documents[name] = stateEntrySchema.parse(entry);
  return {
    files,
    digest: sha256Hex([...parts, entries].join('\n')),
    entries: documents,
    ...reading((path) => defined(files.get(path), `the checkpoint has ${path}`)),
  };
}

function reading(readFile: (path: string) => Uint8Array): Pick<SavedBytes, 'readFile' | 'file'> {
  return { readFile, file: (path) => savedFile(readFile(path)) };
}

/** A file of a checkpoint that is in memory. */
export function savedFile(bytes: Uint8Array): SavedFile {
  return {
    bytes: bytes.length,
    read(target, offset) {
      if (offset + target.length > bytes.length) throw new Error('a file is read beyond its end');
      target.set(bytes.subarray(offset, offset + target.length));
    },
  };
}

/** A copy in which tensors were overwritten: what a restore that forgets them would leave. */
export function withTensors(
  saved: SavedBytes,
  path: string,
  change: (name: string, values: Float32Array) => void,
): SavedBytes {
  const file = Uint8Array.from(saved.readFile(path));
  for (const [name, { dtype, data }] of readSafetensors(file, path)) {
    if (dtype === 'F32') change(name, new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4));
  }
  return { ...saved, ...reading((wanted) => (wanted === path ? file : saved.readFile(wanted))) };
}

export function withEntry(
  saved: SavedBytes,
  name: string,
  change: (entry: StateEntryDocument) => StateEntryDocument,
): SavedBytes {
  const entry = defined(saved.entries[name], `the checkpoint has ${name}`);
  return { ...saved, entries: { ...saved.entries, [name]: change(entry) } };
}
