import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../lib/base/digest.ts';
import { CorruptionError, UsageError } from '../../lib/base/errors.ts';
import { type JobSpec, jobSpecSchema } from '../../lib/contract/job-spec.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { MemoryObjectStore } from '../../lib/store/memory-object-store.ts';
import { fetchJobFiles } from '../../job/fetch-job-files.ts';
import type { World } from '../../job/world.ts';
import { WorkerBench } from '../support/worker-bench.ts';

let bench: WorkerBench;
let world: World;
const elsewhere = new MemoryObjectStore({ name: 'elsewhere' });
beforeEach(() => {
  bench = new WorkerBench();
  world = { ...bench.start().world, openStore: () => Promise.resolve(elsewhere) };
});
afterEach(() => bench.dispose());

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const code = bytes('export default {}');

function specWith(inputs: JobSpec['inputs'] = {}): JobSpec {
  return jobSpecSchema.parse({
    format: 1,
    jobId: 'job',
    name: 'job',
    createdAt: '2030-01-01T00:00:00Z',
    program: { kind: 'training', sha256: sha256Hex(code), source: 'train.ts' },
    inputs,
  });
}

describe('the files of a job', () => {
  it('are fetched once, verified, and kept under their digests', async () => {
    await bench.store.put(objectKeys.program(sha256Hex(code)), code);
    const digest = sha256Hex('the data');
    await bench.store.put(objectKeys.input(digest), bytes('the data'));
    const spec = specWith({ train: { uri: 's3://bucket/x', digest, bytes: 8 } });
    const first = await fetchJobFiles(world, spec);
    expect(readFileSync(first.programPath ?? '')).toEqual(Buffer.from(code));
    expect(readFileSync(first.inputs['train'] ?? '', 'utf8')).toBe('the data');
    expect(first.inputDigests).toEqual({ train: digest });
    await bench.store.delete([objectKeys.program(sha256Hex(code)), objectKeys.input(digest)]);
    expect(await fetchJobFiles(world, spec)).toEqual(first);
  });

  it('are refused when their bytes are others', async () => {
    await bench.store.put(objectKeys.program(sha256Hex(code)), bytes('evil'));
    await expect(fetchJobFiles(world, specWith())).rejects.toThrow(CorruptionError);
  });

  it('are refused when the program is missing', async () => {
    await expect(fetchJobFiles(world, specWith())).rejects.toThrow(/missing/);
  });

  it('are read where they lie when they lie on this machine, unless they changed', async () => {
    await bench.store.put(objectKeys.program(sha256Hex(code)), code);
    mkdirSync(bench.dir, { recursive: true });
    const path = join(bench.dir, 'train.bin');
    writeFileSync(path, 'the data');
    const spec = specWith({ train: { uri: pathToFileURL(path).href, digest: sha256Hex('the data') } });
    expect((await fetchJobFiles(world, spec)).inputs).toEqual({ train: path });
    writeFileSync(path, 'other data');
    await expect(fetchJobFiles(world, spec)).rejects.toThrow(/not the file that was submitted/);
  });

  it('come from another bucket where the spec says so, with the digest that they then have', async () => {
    await bench.store.put(objectKeys.program(sha256Hex(code)), code);
    await elsewhere.put('sets/train.bin', bytes('far away'));
    const spec = specWith({ train: { uri: 's3://elsewhere/sets/train.bin' } });
    const { inputs, inputDigests } = await fetchJobFiles(world, spec);
    expect(readFileSync(inputs['train'] ?? '', 'utf8')).toBe('far away');
    expect(inputDigests['train']).toBe(sha256Hex('far away'));
    const gone = specWith({ train: { uri: 's3://elsewhere/sets/gone.bin' } });
    await expect(fetchJobFiles(world, gone)).rejects.toThrow(UsageError);
  });
});
