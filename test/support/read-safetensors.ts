import { placesInSafetensors, type SafetensorsDtype } from '../../lib/contract/safetensors.ts';

export interface StoredTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** A view of the file. */
  readonly data: Uint8Array;
}

/**
 * Reads a file after checking all of it.
 * @throws CorruptionError naming the file and the fault
 */
export function readSafetensors(file: Uint8Array, at: string): ReadonlyMap<string, StoredTensor> {
  const places = placesInSafetensors({ head: file, bytes: file.length }, at);
  return new Map(
    Array.from(places, ([name, { dtype, shape, begin, end }]) => [
      name,
      { dtype, shape, data: file.subarray(begin, end) },
    ]),
  );
}
