import { assert } from '../base/assert.ts';
import { TransientError, UnfitError } from '../base/errors.ts';

/**
 * Reads a body of `length` bytes into one array, which is `into` where that is long enough and else allocated once:
 * collecting pieces and joining them costs a second copy of every checkpoint.
 * @throws TransientError when the body ends early or runs on; UnfitError when its length was not announced
 */
export async function readBody(
  body: unknown,
  length: number | undefined,
  into?: Uint8Array,
): Promise<Uint8Array> {
  if (length === undefined)
    throw new UnfitError('the store does not announce the length of an object:', {
      facts: { header: 'Content-Length' },
      hint: 'without it a download that was cut cannot be told from a whole one',
    });
  assert(isByteStream(body), 'the SDK hands out a stream of bytes');
  const bytes =
    into !== undefined && into.byteLength >= length ? into.subarray(0, length) : new Uint8Array(length);
  let filled = 0;
  for await (const piece of body) {
    if (filled + piece.length > length) throw unlikeAnnounced(length, filled + piece.length);
    bytes.set(piece, filled);
    filled += piece.length;
  }
  if (filled !== length) throw unlikeAnnounced(length, filled);
  return bytes;
}

function isByteStream(body: unknown): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

function unlikeAnnounced(announced: number, received: number): TransientError {
  return new TransientError('the body of an answer is not as long as announced:', {
    facts: { announced, received },
  });
}
