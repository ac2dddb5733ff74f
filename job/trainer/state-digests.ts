import { sha256Hex } from '../../lib/base/digest.ts';
import { placesInSafetensors } from '../../lib/contract/safetensors.ts';
import type { StateEntryDocument } from '../../lib/contract/trainer-document.ts';
import type { HeldFile, TrainingState } from '../../lib/training/state.ts';

/**
 * SHA-256 of each part of the state at this instant: `model/dense/kernel` for a tensor, `counter.seen` for a value,
 * `model.optimizer.iterations` for a number of an optimizer. Reads and hashes all of it: for runs that are to be compared,
 * not for those that are to be fast.
 */
export function stateDigests(state: TrainingState): Record<string, string> {
  const held = state.hold();
  try {
    const digests: Record<string, string> = {};
    for (const [name, entry] of Object.entries(held.entries)) {
      for (const [part, value] of valuesOf(entry)) digests[`${name}${part}`] = digestOf(value);
      const file = held.files.find(({ path }) => path === entry.file);
      if (file === undefined) continue;
      for (const [tensor, bytes] of tensorsOf(file)) digests[`${name}/${tensor}`] = sha256Hex(bytes);
    }
    return digests;
  } finally {
    held.release();
  }
}

function* tensorsOf(file: HeldFile): Iterable<readonly [string, Uint8Array]> {
  const bytes = Buffer.concat(file.pieces.map((piece) => piece.view?.() ?? piece.read()));
  const places = placesInSafetensors({ head: bytes, bytes: bytes.length }, file.path);
  for (const [name, { begin, end }] of places) yield [name, bytes.subarray(begin, end)];
}

/** What an entry holds besides tensors, in parts that a person would name. */
function* valuesOf({ optimizer, value }: StateEntryDocument): Iterable<readonly [string, unknown]> {
  if (optimizer !== undefined) {
    const { class: kind, iterations, numbers, slots } = optimizer;
    yield ['.optimizer.class', kind];
    yield ['.optimizer.iterations', iterations];
    yield ['.optimizer.slots', slots];
    for (const [name, number] of Object.entries(numbers)) yield [`.optimizer.${name}`, number];
  }
  if (value === undefined) return;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) yield ['', value];
  else for (const [name, part] of Object.entries(value)) yield [`.${name}`, part];
}

/** The order of keys counts: a program that goes through a map sees it. */
function digestOf(value: unknown): string {
  return sha256Hex(Buffer.from(JSON.stringify(value) ?? 'undefined'));
}
