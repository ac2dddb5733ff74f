import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptionError } from '../../../lib/base/errors.ts';
import { placesInSafetensors, safetensorsHeadBytes } from '../../../lib/contract/safetensors.ts';

/** The head of a file of `bytes` bytes with this header. */
function fileWith(header: string, bytes?: number): { readonly head: Uint8Array; readonly bytes: number } {
  const text = new TextEncoder().encode(header);
  const head = new Uint8Array(8 + text.length);
  new DataView(head.buffer).setBigUint64(0, BigInt(text.length), true);
  head.set(text, 8);
  return { head, bytes: bytes ?? head.length + 4 };
}

const refused = (file: { readonly head: Uint8Array; readonly bytes: number }, why?: RegExp): void => {
  let thrown: unknown;
  try {
    placesInSafetensors(file, 'x');
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(CorruptionError);
  if (thrown instanceof Error) {
    expect(thrown.message.length).toBeLessThan(2_000);
    if (why !== undefined) expect(thrown.message).toMatch(why);
  }
};

describe('a hostile safetensors file', () => {
  it('cannot make a reader ask for more than the format allows, whatever length it claims', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat({ max: 2 ** 31 }), (length, bytes) => {
        const head = new Uint8Array(8);
        new DataView(head.buffer).setBigUint64(0, length, true);
        try {
          expect(safetensorsHeadBytes({ head, bytes }, 'x')).toBeLessThanOrEqual(
            Math.min(bytes, 100_000_008),
          );
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptionError);
        }
      }),
    );
  });

  it('of any bytes, or of one changed byte, is read or refused by name', () => {
    const sound = fileWith('{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"__metadata__":{"k":"v"}}');
    const change = fc.record({
      at: fc.nat({ max: sound.head.length - 1 }),
      to: fc.nat({ max: 255 }),
    });
    const anyBytes = fc.uint8Array({ maxLength: 64 }).map((head) => ({ head, bytes: head.length }));
    const changed = change.map(({ at, to }) => ({ head: sound.head.with(at, to), bytes: sound.bytes }));
    fc.assert(
      fc.property(fc.oneof(anyBytes, changed), (file) => {
        try {
          for (const { begin, end } of placesInSafetensors(file, 'x').values())
            expect(begin <= end && end <= file.bytes).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(CorruptionError);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('whose types, shapes or names are beyond measure is refused in a few words', () => {
    const tensor = (fields: object): string =>
      JSON.stringify({ a: { dtype: 'U8', shape: [4], data_offsets: [0, 4], ...fields } });
    const lists = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    refused(fileWith(tensor({}).replace('"U8"', lists(100_000))), /not JSON/);
    refused(fileWith(tensor({}).replace('"U8"', lists(900))), /unknown type/);
    refused(fileWith(tensor({ dtype: 'x'.repeat(1e6) })), /unknown type/);
    refused(fileWith(tensor({ shape: Array.from({ length: 1e5 }, () => 1) })), /no valid shape/);
    refused(fileWith(tensor({ shape: [2 ** 53 - 1, 2 ** 53 - 1] })), /its shape needs/);
    refused(fileWith(tensor({ data_offsets: [0, 2 ** 53 - 1] })), /beyond the file/);
    refused(fileWith(tensor({ data_offsets: [-1, 3] })), /no valid offsets/);
    refused(fileWith(`{"${'n'.repeat(1e6)}":1}`));
  });

  it('with a name of many megabytes is read like any other', () => {
    const name = 'n'.repeat(2e7);
    const file = fileWith(`{"${name}":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}`);
    expect([...placesInSafetensors(file, 'x').keys()][0]).toHaveLength(name.length);
    refused(fileWith(`{"a":{},"${name}":1,"a" \t: {}}`), /listed twice/);
  });
});
