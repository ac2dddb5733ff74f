import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { CorruptionError } from '../../../lib/base/errors.ts';
import {
  byteLengthOf,
  layoutSafetensors,
  placesInSafetensors,
  safetensorsHeadBytes,
  type SafetensorsDtype,
  type TensorSpec,
} from '../../../lib/contract/safetensors.ts';
import { readSafetensors } from '../../support/read-safetensors.ts';

const scratch = mkdtempSync(join(tmpdir(), 'holdfast-safetensors-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** Each tensor filled with a byte of its own. */
function fileOf(specs: readonly TensorSpec[]): Uint8Array {
  const layout = layoutSafetensors(specs);
  const file = new Uint8Array(layout.bytes);
  file.set(layout.header);
  let at = layout.header.length;
  for (const { spec, bytes } of layout.tensors) {
    file.fill(1 + specs.findIndex(({ name }) => name === spec.name), at, at + bytes);
    at += bytes;
  }
  return file;
}

function rawFile(header: string, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

function describeBytes(fields: object): string {
  return JSON.stringify({ dtype: 'U8', shape: [4], data_offsets: [0, 4], ...fields });
}

const dtypes: readonly SafetensorsDtype[] = [
  'F64',
  'I64',
  'U64',
  'F32',
  'I32',
  'U32',
  'F16',
  'BF16',
  'I16',
  'U16',
  'F8_E5M2',
  'F8_E4M3',
  'I8',
  'U8',
  'BOOL',
];

describe('safetensors files', () => {
  it('have wide types first, then large tensors, then the order given', () => {
    const { tensors } = layoutSafetensors([
      { name: 'flags', dtype: 'BOOL', shape: [3] },
      { name: 'bias', dtype: 'F32', shape: [4] },
      { name: 'kernel', dtype: 'F32', shape: [128, 128] },
      { name: 'double', dtype: 'F64', shape: [] },
      { name: 'almost', dtype: 'F32', shape: [16_383] },
    ]);
    expect(tensors.map(({ spec }) => spec.name)).toEqual(['double', 'kernel', 'bias', 'almost', 'flags']);
  });

  it('have a header that depends on names, types and shapes only and ends at a page', () => {
    const specs: TensorSpec[] = Array.from({ length: 100 }, (_, index) => ({
      name: `layer${index}/kernel`,
      dtype: 'F32',
      shape: [3, index],
    }));
    const { header } = layoutSafetensors(specs);
    expect(header.length % 4096).toBe(0);
    expect(new DataView(header.buffer).getBigUint64(0, true)).toBe(BigInt(header.length - 8));
    expect(layoutSafetensors(structuredClone(specs)).header).toEqual(header);
    expect(layoutSafetensors(specs.slice(1)).header).not.toEqual(header);
    expect(new TextDecoder().decode(header.subarray(8)).trimEnd().endsWith('}}')).toBe(true);
  });

  it('are read as they were written', () => {
    const spec = fc.record({
      dtype: fc.constantFrom(...dtypes),
      shape: fc.array(fc.nat({ max: 4 }), { maxLength: 4 }),
    });
    const names = fc.uniqueArray(
      fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
      {
        minLength: 12,
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(fc.array(spec, { maxLength: 12 }), names, (tensors, called) => {
        const specs = tensors.map((tensor, index) => ({ ...tensor, name: called[index] ?? '' }));
        const read = readSafetensors(fileOf(specs), 'x');
        expect(read.size).toBe(specs.length);
        for (const [index, { name, dtype, shape }] of specs.entries()) {
          const stored = read.get(name);
          expect(stored).toMatchObject({ dtype, shape });
          expect(stored?.data).toEqual(new Uint8Array(byteLengthOf({ name, dtype, shape })).fill(index + 1));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('keep names that look like numbers or like prototypes', () => {
    const specs: TensorSpec[] = ['b', '10', '9', '__proto__', 'constructor'].map((name) => ({
      name,
      dtype: 'F32',
      shape: [1],
    }));
    const file = fileOf(specs);
    expect([...readSafetensors(file, 'x').keys()]).toEqual(['b', '10', '9', '__proto__', 'constructor']);
  });

  it('may carry metadata and spaces of another writer', () => {
    const file = rawFile(
      '{ "__metadata__": {"format": "pt"}, "a" : {"dtype":"U8", "shape":[2], "data_offsets":[0,2]} }  ',
      2,
    );
    expect([...readSafetensors(file, 'x').keys()]).toEqual(['a']);
  });

  it.each([
    ['is empty', new Uint8Array(0), 'shorter than its length field'],
    ['claims an endless header', new Uint8Array(16).fill(0xff), 'claims'],
    ['ends inside its header', rawFile('{}', 0).subarray(0, 9), 'header ends beyond the file'],
    ['has no JSON', rawFile('{"a"', 0), 'not JSON'],
    ['has broken text', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), 'not JSON'],
    ['is a list', rawFile('[]', 0), 'not an object'],
    ['has an unknown type', rawFile(`{"a":${describeBytes({ dtype: 'F8' })}}`, 4), 'unknown type "F8"'],
    [
      'has a type that every object has',
      rawFile(`{"a":${describeBytes({ dtype: 'toString' })}}`, 4),
      'unknown type',
    ],
    ['has a negative size', rawFile(`{"a":${describeBytes({ shape: [-4] })}}`, 4), 'no valid shape'],
    ['has a fraction', rawFile(`{"a":${describeBytes({ shape: [0.5] })}}`, 4), 'no valid shape'],
    [
      'has offsets in reverse',
      rawFile(`{"a":${describeBytes({ data_offsets: [4, 0] })}}`, 4),
      'ends before it begins',
    ],
    ['has one offset', rawFile(`{"a":${describeBytes({ data_offsets: [4] })}}`, 4), 'no valid offsets'],
    ['has too few bytes', rawFile(`{"a":${describeBytes({})}}`, 3), 'ends beyond the file'],
    ['has too many bytes', rawFile(`{"a":${describeBytes({})}}`, 5), '1 bytes belong to no tensor'],
    [
      'has another size than its shape',
      rawFile(`{"a":${describeBytes({ shape: [3] })}}`, 4),
      'its shape needs 3',
    ],
    [
      'lets tensors overlap',
      rawFile(`{"a":${describeBytes({})},"b":${describeBytes({ data_offsets: [2, 6] })}}`, 6),
      'begins at 2, where 4 was expected',
    ],
    [
      'leaves a hole',
      rawFile(`{"a":${describeBytes({})},"b":${describeBytes({ data_offsets: [5, 9] })}}`, 9),
      'begins at 5, where 4 was expected',
    ],
    [
      'lists a tensor twice',
      rawFile(`{"a":${describeBytes({})},"\\u0061":${describeBytes({})}}`, 4),
      'tensor a is listed twice',
    ],
    ['describes a tensor by null', rawFile('{"a":null}', 0), 'has no description'],
  ])('are refused when one %s', (_, file, fault) => {
    expect(() => readSafetensors(file, 'model.safetensors')).toThrow(CorruptionError);
    expect(() => readSafetensors(file, 'model.safetensors')).toThrow(fault);
    expect(() => readSafetensors(file, 'model.safetensors')).toThrow('at=`model.safetensors`');
  });
});

const python = process.env['HOLDFAST_PYTHON'] ?? 'python3';
const hasSafetensors = spawnSync(python, ['-c', 'import safetensors, numpy']).status === 0;

describe('the head of a file', () => {
  it('says where each tensor lies, without the tensors', () => {
    const file = fileOf([
      { name: 'bias', dtype: 'BF16', shape: [3] },
      { name: 'kernel', dtype: 'F32', shape: [2, 2] },
    ]);
    const needed = safetensorsHeadBytes({ head: file.subarray(0, 8), bytes: file.length }, 'x');
    const places = placesInSafetensors({ head: file.subarray(0, needed), bytes: file.length }, 'x');
    expect([...places]).toEqual([
      ['kernel', { dtype: 'F32', shape: [2, 2], begin: 4096, end: 4112 }],
      ['bias', { dtype: 'BF16', shape: [3], begin: 4112, end: 4118 }],
    ]);
  });

  it('is refused when the file is shorter than it says', () => {
    const file = fileOf([{ name: 'kernel', dtype: 'F32', shape: [2, 2] }]);
    expect(() => placesInSafetensors({ head: file, bytes: file.length - 1 }, 'x')).toThrow(
      'tensor kernel ends beyond the file',
    );
    expect(() => safetensorsHeadBytes({ head: file.subarray(0, 8), bytes: 100 }, 'x')).toThrow(
      'its header ends beyond the file',
    );
  });
});

describe('the reference implementation', () => {
  it.skipIf(!hasSafetensors)(
    'opens our files (needs python3 with safetensors and numpy, or HOLDFAST_PYTHON)',
    () => {
      // NumPy itself knows no bfloat16 and no eight-bit floats.
      const known = dtypes.filter((dtype) => !/^(?:BF16|F8)/.test(dtype));
      const specs: TensorSpec[] = known.map((dtype, index) => ({
        name: `layer/${dtype}`,
        dtype,
        shape: index % 3 === 0 ? [] : [2, index],
      }));
      const path = join(scratch, 'all-types.safetensors');
      writeFileSync(path, fileOf([...specs, { name: 'empty', dtype: 'F32', shape: [0, 3] }]));
      const script = `
import json, sys
from safetensors.numpy import load_file
tensors = load_file(sys.argv[1])
print(json.dumps({k: [list(v.shape), v.tobytes().hex()] for k, v in tensors.items()}))`;
      const { stdout, stderr, status } = spawnSync(python, ['-c', script, path], { encoding: 'utf8' });
      expect(stderr).toBe('');
      expect(status).toBe(0);
      const seen: Record<string, [number[], string]> = JSON.parse(stdout);
      expect(Object.keys(seen)).toHaveLength(known.length + 1);
      for (const [index, spec] of specs.entries()) {
        const bytes = new Uint8Array(byteLengthOf(spec)).fill(spec.dtype === 'BOOL' ? 1 : index + 1);
        const [shape, hex] = seen[spec.name] ?? [[], ''];
        expect(shape).toEqual(spec.shape);
        if (spec.dtype !== 'BOOL') expect(hex).toBe(Buffer.from(bytes).toString('hex'));
      }
      expect(seen['empty']).toEqual([[0, 3], '']);
    },
  );
});
