import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOfChunks, sha256Hex } from '../../../lib/base/digest.ts';
import { silentLog } from '../../../lib/base/log.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { ChunkReader } from '../../../lib/checkpoint/chunk-reader.ts';
import {
  bytesToCompare,
  compareTensors,
  openTensorFile,
  type TensorDifference,
  type TensorFile,
} from '../../../lib/checkpoint/compare-tensors.ts';
import { inLanes } from '../../../lib/checkpoint/lanes.ts';
import type { TensorChange } from '../../../lib/checkpoint/tensor-change.ts';
import { tensorValues } from '../../../lib/checkpoint/tensor-values.ts';
import type { ManifestFile } from '../../../lib/contract/manifest.ts';
import { byteLengthOf, type SafetensorsDtype, widthOf } from '../../../lib/contract/safetensors.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { floats, tensorFile } from '../../support/checkpoint-region.ts';
import { noise, quickClock } from './files.ts';

const signal = new AbortController().signal;

/** Files in chunks of any size. */
class ChunkedFiles {
  readonly store = new MemoryObjectStore();
  readonly reader = new ChunkReader(
    { store: this.store, clock: quickClock(), random: seededRandom(1), log: silentLog },
    { keptBytesMax: 200 },
  );

  async add(bytes: Uint8Array, chunkBytes: number): Promise<ManifestFile> {
    const chunks = [];
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      const body = bytes.slice(at, at + chunkBytes);
      const sha256 = sha256Hex(body);
      await this.store.put(sha256, body);
      const length = body.length;
      chunks.push({ key: sha256, sha256, bytes: length, codec: 'none' as const, stored: length });
    }
    const digest = digestOfChunks(chunks.map(({ sha256 }) => sha256));
    return { path: 'model.safetensors', bytes: bytes.length, digest, chunks };
  }

  async open(bytes: Uint8Array, chunkBytes = 4096): Promise<TensorFile> {
    return openTensorFile(this.reader, await this.add(bytes, chunkBytes), signal);
  }

  compare(a: TensorFile, b: TensorFile): Promise<readonly TensorDifference[]> {
    const { reader } = this;
    return inLanes({ lanes: 3, signal }, (lanes) =>
      compareTensors({ reader, lanes, onCompared: () => {} }, a, b),
    );
  }
}

/** The definition, spelled out over whole tensors. */
function naiveChange(a: Uint8Array, b: Uint8Array, dtype: SafetensorsDtype): TensorChange {
  const [valuesA, valuesB] = [Array.from(tensorValues(a, dtype)), Array.from(tensorValues(b, dtype))];
  const width = widthOf(dtype);
  const element = (bytes: Uint8Array, at: number) => String(bytes.slice(at * width, (at + 1) * width));
  const pairs = valuesA.map((x, at) => [x, valuesB[at] ?? 0] as const);
  const finite = pairs.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  const norm = (values: readonly number[]) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
  const count = (values: readonly number[], is: (value: number) => boolean) => values.filter(is).length;
  const l2 = norm(finite.map(([x, y]) => y - x));
  const normA = norm(valuesA.filter(Number.isFinite));
  const isInfinite = (value: number) => Math.abs(value) === Infinity;
  return {
    elements: pairs.length,
    changedElements: pairs.filter((_, at) => element(a, at) !== element(b, at)).length,
    l2,
    normA,
    relative: Number.isFinite(l2 / normA) ? l2 / normA : null,
    maxAbs: Math.max(0, ...finite.map(([x, y]) => Math.abs(y - x))),
    nan: { a: count(valuesA, Number.isNaN), b: count(valuesB, Number.isNaN) },
    infinite: { a: count(valuesA, isInfinite), b: count(valuesB, isInfinite) },
  };
}

const dtypes: readonly SafetensorsDtype[] = [
  ...(['F64', 'I64', 'U64', 'F32', 'I32', 'U32', 'F16', 'BF16', 'I16', 'U16'] as const),
  ...(['F8_E5M2', 'F8_E4M3', 'I8', 'U8', 'BOOL'] as const),
];

describe('the change of a tensor', () => {
  it(
    'is what the definition says, for every type and any cut of the files',
    { timeout: 30_000 },
    async () => {
      const tensor = fc.record({
        dtype: fc.constantFrom(...dtypes),
        shape: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
        seed: fc.nat(),
        /** Bytes that are another in B, as shares of the tensor. */
        edits: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 4 }),
      });
      const cut = fc.integer({ min: 5, max: 300 });
      await fc.assert(
        fc.asyncProperty(
          fc.array(tensor, { minLength: 1, maxLength: 5 }),
          cut,
          cut,
          async (facts, ca, cb) => {
            const sides = facts.map(({ dtype, shape, seed, edits }, index) => {
              const a = noise(byteLengthOf({ name: '', dtype, shape }), seed);
              const b = a.slice();
              for (const edit of edits) b[Math.floor(edit * b.length)]! ^= 1 + (seed % 255);
              return { name: `t${index}`, dtype, shape, a, b };
            });
            const files = new ChunkedFiles();
            const a = await files.open(tensorFile(sides.map((side) => ({ ...side, data: side.a }))), ca);
            const b = await files.open(tensorFile(sides.map((side) => ({ ...side, data: side.b }))), cb);
            const found = new Map((await files.compare(a, b)).map((one) => [one.name, one]));
            for (const side of sides) {
              const expected = naiveChange(side.a, side.b, side.dtype);
              const difference = found.get(side.name);
              if (expected.changedElements === 0) {
                expect(difference?.kind).toBe('unchanged');
                continue;
              }
              if (difference?.kind !== 'changed') throw new Error(`${side.name} is ${difference?.kind}`);
              const { l2, normA, relative, ...counts } = difference.change;
              const { l2: _l2, normA: _normA, relative: _relative, ...expectedCounts } = expected;
              expect(counts).toEqual(expectedCounts);
              expectClose(l2, expected.l2);
              expectClose(normA, expected.normA);
              expectClose(relative, expected.relative);
            }
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  it('has a relative size of 10 % where every element grows by a tenth', async () => {
    const files = new ChunkedFiles();
    const a = await files.open(tensorFile([floats('w', [1, -2, 3, 4])]));
    const b = await files.open(tensorFile([floats('w', [1.5, -3, 4.5, 6])]));
    const [difference] = await files.compare(a, b);
    expect(difference).toMatchObject({
      kind: 'changed',
      change: { elements: 4, changedElements: 4, l2: Math.sqrt(7.5), relative: 0.5, maxAbs: 2 },
    });
  });

  it('counts what is no number apart, and has no relative size where A is zero', async () => {
    const files = new ChunkedFiles();
    const a = await files.open(tensorFile([floats('w', [0, 0, NaN, Infinity, -0])]));
    const b = await files.open(tensorFile([floats('w', [3, NaN, NaN, 4, 0])]));
    const [difference] = await files.compare(a, b);
    expect(difference).toMatchObject({
      change: {
        changedElements: 4,
        l2: 3,
        maxAbs: 3,
        normA: 0,
        relative: null,
        nan: { a: 1, b: 2 },
        infinite: { a: 1, b: 0 },
      },
    });
  });

  it('decodes the small floats as their standards say', () => {
    const words = (...bits: number[]) => new Uint8Array(Uint16Array.from(bits).buffer);
    const f16 = tensorValues(words(0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0xfe00), 'F16');
    expect(Array.from(f16)).toEqual([1, -2, 2 ** -24, 65_504, Infinity, NaN]);
    const bf16 = tensorValues(words(0x3f80, 0xbfc0, 0x7f80, 0x7fc0), 'BF16');
    expect(Array.from(bf16)).toEqual([1, -1.5, Infinity, NaN]);
    expect(Array.from(tensorValues(Uint8Array.of(0x38, 0x7e, 0x7f, 0x01), 'F8_E4M3'))).toEqual([
      1,
      448,
      NaN,
      2 ** -9,
    ]);
    expect(Array.from(tensorValues(Uint8Array.of(0x3c, 0x7b, 0x7c, 0xff), 'F8_E5M2'))).toEqual([
      1,
      57_344,
      Infinity,
      NaN,
    ]);
  });
});

describe('two files', () => {
  it('tell tensors that came, went and took another shape or type', async () => {
    const files = new ChunkedFiles();
    const ints = { name: 'cast', dtype: 'I32' as const, shape: [2], data: new Uint8Array(8) };
    const a = await files.open(
      tensorFile([floats('same', [1]), floats('gone', [1]), floats('turned', [1, 2], [1, 2]), ints]),
    );
    const b = await files.open(
      tensorFile([
        floats('same', [1]),
        floats('new', [1]),
        floats('turned', [1, 2], [2, 1]),
        floats('cast', [0, 0]),
      ]),
    );
    const kinds = Object.fromEntries((await files.compare(a, b)).map(({ name, kind }) => [name, kind]));
    expect(kinds).toEqual({
      same: 'unchanged',
      gone: 'removed',
      new: 'added',
      turned: 'reshaped',
      cast: 'reshaped',
    });
  });

  it('are fetched only where their chunks differ, but for the norm of what changed', async () => {
    const files = new ChunkedFiles();
    const large = Array.from({ length: 8 * 1024 }, (_, index) => index);
    const [frozen, trained] = [floats('a-frozen', large), floats('b-trained', large)];
    const moved = floats('b-trained', large.with(8_191, -1));
    const a = await files.open(tensorFile([frozen, trained]), 4096);
    const b = await files.open(tensorFile([frozen, moved]), 4096);
    expect(bytesToCompare(a, b)).toBe(4096);
    const before = files.reader.readBytes;
    const found = await files.compare(a, b);
    expect(found.map(({ kind }) => kind)).toEqual(['unchanged', 'changed']);
    // Of the trained tensor all of A (32 KiB), and the one chunk of B; of the frozen one nothing.
    expect(files.reader.readBytes - before).toBe(8 * 4096 + 4096);
  });

  it('are compared in little memory, whatever they hold', async () => {
    const files = new ChunkedFiles();
    let open = 0;
    let most = 0;
    const { store } = files;
    const get = store.get.bind(store);
    store.get = async (key, options) => {
      most = Math.max(most, ++open);
      await Promise.resolve();
      const object = await get(key, options);
      open--;
      return object;
    };
    const values = Array.from({ length: 4_000 }, (_, index) => index);
    const a = await files.open(tensorFile([floats('w', values)]), 64);
    const b = await files.open(
      tensorFile([
        floats(
          'w',
          values.map((value) => value + 1),
        ),
      ]),
      64,
    );
    await files.compare(a, b);
    // Three lanes, a chunk of each side.
    expect(most).toBeLessThanOrEqual(6);
  });
});

/** To the last digits: the order of a sum is another one. */
function expectClose(actual: number | null, expected: number | null): void {
  if (expected === null || actual === null || !Number.isFinite(expected)) expect(actual).toBe(expected);
  else expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-12 * Math.abs(expected));
}
