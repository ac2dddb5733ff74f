import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { manifestSchema } from '../../../lib/contract/manifest.ts';
import { checkpointIdOf, objectKeys } from '../../../lib/contract/object-keys.ts';
import { trainerDocumentSchema } from '../../../lib/contract/trainer-document.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { readSafetensors } from '../../support/read-safetensors.ts';
import { FakeJob } from './fake-job.ts';
import { type Files, digestsIn, digestsOf, keysUnder, restore } from './files.ts';
import { goldenFiles, goldenFolder, goldenName, readTree, uploadGolden } from './golden-checkpoint.ts';

/** Of the manifest as it was first written. It changes with the format's number only, never by itself. */
const manifestSha256 = '1bd067c915fa6dea9e80821577afc07bc6856fee5e0051c7934b23c56d43b580';

async function makeTree(): Promise<Files> {
  const store = new MemoryObjectStore();
  await uploadGolden(store);
  const tree: Record<string, Uint8Array> = {};
  for (const key of await keysUnder(store, 'jobs/')) tree[key] = (await store.get(key))!.body;
  for (const [path, bytes] of Object.entries(goldenFiles())) tree[`files/${path}`] = bytes;
  return tree;
}

// `HOLDFAST_UPDATE_GOLDEN=1 npx vitest run test/lib/checkpoint/golden.test.ts` writes the folder anew, for a new format.
if (process.env['HOLDFAST_UPDATE_GOLDEN'] === '1') {
  rmSync(goldenFolder, { recursive: true, force: true });
  for (const [path, bytes] of Object.entries(await makeTree())) {
    mkdirSync(dirname(join(goldenFolder, path)), { recursive: true });
    writeFileSync(join(goldenFolder, path), bytes);
  }
}

const manifestPath = objectKeys.manifest('golden', goldenName);

describe('the golden checkpoint of format 1', () => {
  it('is made again byte for byte', async () => {
    expect(digestsOf(await makeTree())).toEqual(digestsOf(readTree(goldenFolder)));
  });

  it('has the manifest that was once committed', () => {
    expect(sha256Hex(readTree(goldenFolder)[manifestPath]!)).toBe(manifestSha256);
  });

  it('is restored to the files that went in', async () => {
    const store = new MemoryObjectStore();
    for (const [path, bytes] of Object.entries(readTree(goldenFolder))) {
      if (path.startsWith('jobs/')) await store.put(path, bytes);
    }
    const job = new FakeJob('golden');
    const claim = job.claim();
    const facts = { epoch: 1, example: 64, reason: 'policy', bytes: 1, newBytes: 1, elapsedMs: 1 } as const;
    const manifest = { key: manifestPath, sha256: manifestSha256 };
    const id = checkpointIdOf(goldenName);
    job.append({ kind: 'checkpoint', id, ordinal: 1, step: 3, manifest, ...facts }, claim.token);

    const restored = await restore(store, claim);

    expect(restored).toMatchObject({ outcome: 'restored', record: { id }, passedOver: [] });
    expect(digestsIn(restored.dir)).toEqual(digestsIn(join(goldenFolder, 'files')));
  });

  it('can be verified by hand: every name is the sha256sum of its bytes, every digest that of its names', () => {
    const tree = readTree(goldenFolder);
    const manifest = manifestSchema.parse(JSON.parse(new TextDecoder().decode(tree[manifestPath])));
    expect(manifest.files.map((file) => file.path)).toEqual(Object.keys(goldenFiles()));
    for (const file of manifest.files) {
      for (const chunk of file.chunks) {
        expect(sha256Hex(tree[chunk.key]!)).toBe(chunk.sha256);
        expect(chunk.key.endsWith(`/${chunk.sha256}`)).toBe(true);
      }
      expect(sha256Hex(file.chunks.map((chunk) => chunk.sha256).join(''))).toBe(file.digest);
      const whole = Buffer.concat(file.chunks.map((chunk) => tree[chunk.key]!));
      expect(whole.equals(tree[`files/${file.path}`]!)).toBe(true);
    }
  });

  it('holds documents that readers understand', () => {
    const files = readTree(join(goldenFolder, 'files'));
    const trainer = trainerDocumentSchema.parse(JSON.parse(new TextDecoder().decode(files['trainer.json'])));
    expect(trainer.position).toEqual({ step: 3, epoch: 1, example: 64 });
    const tensors = readSafetensors(files['model.safetensors']!, 'model.safetensors');
    expect([...tensors.keys()]).toEqual(['dense/kernel', 'dense/bias', 'mask']);
    expect(tensors.get('dense/kernel')).toMatchObject({ dtype: 'F32', shape: [2, 3] });
    expect([...tensors.get('mask')!.data]).toEqual([1, 0, 1, 1, 0]);
  });
});
