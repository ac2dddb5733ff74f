import { expect, it } from 'vitest';
import { digestOfChunks } from '../../../lib/base/digest.ts';
import { checkManifest } from '../../../lib/checkpoint/check-manifest.ts';
import { type Chunk, chunkBytes, type Manifest, type ManifestFile } from '../../../lib/contract/manifest.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';

const jobId = 'job';
const name = { claim: 2, ordinal: 1, step: 5 };
const sha256 = 'a'.repeat(64);

function aChunk(bytes: number): Chunk {
  const codec = 'none';
  return { key: objectKeys.chunk(jobId, name, { sha256, codec }), sha256, bytes, codec, stored: bytes };
}

function aFile(path: string, chunk: Chunk): ManifestFile {
  return { path, bytes: chunk.bytes, digest: digestOfChunks([chunk.sha256]), chunks: [chunk] };
}

function faults(files: readonly ManifestFile[]): readonly string[] {
  const manifest: Manifest = {
    ...name,
    format: 1,
    jobId,
    epoch: 0,
    parent: null,
    reason: 'policy',
    createdAt: '2026-01-01T00:00:00Z',
    runtime: { backend: 'cpu', versions: {}, arch: 'x64' },
    compatibility: {},
    files: [...files],
  };
  return checkManifest(manifest, { jobId, name });
}

it('a manifest cannot make a reader allocate more for a chunk than eight times what writers cut', () => {
  expect(faults([aFile('a', aChunk(8 * chunkBytes))])).toEqual([]);
  expect(faults([aFile('a', aChunk(8 * chunkBytes + 1))])).toEqual([expect.stringContaining('larger than')]);
  expect(faults([aFile('a', aChunk(Number.MAX_SAFE_INTEGER))])).toHaveLength(1);
});

it('a manifest cannot point a reader to objects outside its job', () => {
  const keys = [
    'jobs/other/checkpoints/2-1-step5/',
    'jobs/job/checkpoints/2-1-step5/../../',
    'jobs/job/',
    '',
  ];
  for (const prefix of keys)
    expect(faults([aFile('a', { ...aChunk(8), key: `${prefix}${sha256}` })])).toHaveLength(1);
});

it('a manifest of twenty thousand files is judged at once', () => {
  const files = Array.from({ length: 20_000 }, (_, at) => aFile(`deep/${at}`, aChunk(8)));
  expect(faults(files)).toEqual([]);
  expect(faults([...files, aFile('deep/7', aChunk(8)), aFile('deep', aChunk(8))])).toHaveLength(20_002);
});
