import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { UsageError } from '../../../lib/base/errors.ts';
import { type InputPlaces, prepareInputs, uploadInputs } from '../../../lib/client/prepare-inputs.ts';
import { objectUri, parseObjectUri } from '../../../lib/contract/object-uri.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { tempDir } from '../../support/temp-dir.ts';

const bytes = 'four';
const digest = sha256Hex(bytes);

/** A program in `net/`, an input beside it, and another one where the person stands. */
function world(): { cwd: string; places: (overrides?: InputPlaces['overrides']) => InputPlaces } {
  const cwd = tempDir();
  mkdirSync(join(cwd, 'net'));
  writeFileSync(join(cwd, 'net', 'digits.bin'), bytes);
  writeFileSync(join(cwd, 'mine.bin'), 'mine!');
  return {
    cwd,
    places: (overrides = {}) => ({
      defaults: { digits: 'digits.bin' },
      overrides,
      program: 'net/train.ts',
      cwd,
    }),
  };
}

const fileStore = new MemoryObjectStore();
const s3Store = (): ObjectStore => {
  const store = new MemoryObjectStore();
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'uri') return 's3://bucket/prefix?region=eu-central-1';
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
};

describe('inputs', () => {
  it('are relative to the program when they are its own, and to the person when typed', async () => {
    const { cwd, places } = world();
    const own = await prepareInputs(places(), fileStore);
    expect(own['digits']?.input).toEqual({
      uri: pathToFileURL(join(cwd, 'net', 'digits.bin')).href,
      digest,
      bytes: 4,
    });
    const typed = await prepareInputs(places({ digits: 'mine.bin' }), fileStore);
    expect(typed['digits']?.input.uri).toBe(pathToFileURL(join(cwd, 'mine.bin')).href);
  });

  it('are sent by digest when the store is S3, once', async () => {
    const { places } = world();
    const store = s3Store();
    const prepared = await prepareInputs(places(), store);
    expect(prepared['digits']?.input.uri).toBe(`s3://bucket/prefix/inputs/${digest}?region=eu-central-1`);
    expect(await store.head(`inputs/${digest}`)).toBeUndefined();
    await uploadInputs(store, prepared);
    const first = await store.head(`inputs/${digest}`);
    expect(first?.bytes).toBe(4);
    await uploadInputs(store, prepared);
    expect(await store.head(`inputs/${digest}`)).toEqual(first);
  });

  it('are refused when the file changes between the digest and the upload', async () => {
    const { cwd, places } = world();
    const store = s3Store();
    const prepared = await prepareInputs(places(), store);
    writeFileSync(join(cwd, 'net', 'digits.bin'), 'five!');
    await expect(uploadInputs(store, prepared)).rejects.toThrow('changed while it was being sent');
    expect((await store.list('inputs/')).objects).toEqual([]);
  });

  it('in a bucket stay where they are', async () => {
    const { places } = world();
    const prepared = await prepareInputs(places({ digits: 's3://data/digits.bin' }), fileStore);
    expect(prepared['digits']).toEqual({ input: { uri: 's3://data/digits.bin' }, upload: undefined });
  });

  it.each([
    ['a missing file', { digits: 'nowhere.bin' }, 'input `digits` is missing'],
    ['a folder', { digits: 'net' }, 'input `digits` is not a file'],
    ['an address that nobody can read', { digits: 'https://example.com/x' }, 'cannot read'],
    ['a name that the program does not declare', { digit: 'mine.bin' }, 'no input `digit`'],
  ])('refuse %s', async (_, overrides, message) => {
    const { places } = world();
    const preparing = prepareInputs(places(overrides), fileStore);
    await expect(preparing).rejects.toThrow(UsageError);
    await expect(preparing).rejects.toThrow(message);
  });

  it('of a command may have any name that fits', async () => {
    const { cwd } = world();
    const places = { defaults: {}, program: undefined, cwd };
    const prepared = await prepareInputs({ ...places, overrides: { data: 'mine.bin' } }, fileStore);
    expect(prepared['data']?.input.bytes).toBe(5);
    await expect(
      prepareInputs({ ...places, overrides: { '../data': 'mine.bin' } }, fileStore),
    ).rejects.toThrow('not a name');
  });
});

it('splits the address of an object into the widest store and a key', () => {
  const uri = objectUri('s3://bucket/prefix/?region=eu-central-1', 'inputs/abc');
  expect(uri).toBe('s3://bucket/prefix/inputs/abc?region=eu-central-1');
  expect(parseObjectUri(uri)).toEqual({ store: 's3://bucket?region=eu-central-1', key: 'prefix/inputs/abc' });
  expect(parseObjectUri('file:///x')).toBeUndefined();
  expect(parseObjectUri('s3://bucket')).toBeUndefined();
});
