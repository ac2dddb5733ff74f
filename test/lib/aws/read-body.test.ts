import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { InvariantError, TransientError, UnfitError } from '../../../lib/base/errors.ts';
import { readBody } from '../../../lib/aws/read-body.ts';

const pieces = (...texts: readonly string[]): Readable =>
  Readable.from(texts.map((text) => Buffer.from(text)));

describe('readBody', () => {
  it('joins the pieces of a body', async () => {
    expect(Buffer.from(await readBody(pieces('one', '', 'two'), 6)).toString()).toBe('onetwo');
    expect(await readBody(pieces(), 0)).toHaveLength(0);
  });

  it('takes a body that is shorter or longer than announced for a broken download', async () => {
    await expect(readBody(pieces('one', 'tw'), 6)).rejects.toBeInstanceOf(TransientError);
    await expect(readBody(pieces('one', 'two!'), 6)).rejects.toBeInstanceOf(TransientError);
    await expect(readBody(pieces(), 1)).rejects.toBeInstanceOf(TransientError);
  });

  it('does without no length: a cut could not be told from an end', async () => {
    await expect(readBody(pieces('one'), undefined)).rejects.toBeInstanceOf(UnfitError);
  });

  it('expects a stream', async () => {
    await expect(readBody(undefined, 0)).rejects.toBeInstanceOf(InvariantError);
  });
});
