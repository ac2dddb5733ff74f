/** `file://` for `model.save` and `tf.loadLayersModel` where no native backend brings it: the wasm and cpu backends. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { io } from '@tensorflow/tfjs';
import { UsageError } from '../base/errors.ts';
import { seenAs } from './private-fields.ts';

type Io = typeof io;

const registeredWith = new WeakSet<Io>();

/** Registers the handlers once for this copy of TensorFlow.js. */
export function registerFileIo(tfIo: Io): void {
  if (registeredWith.has(tfIo)) return;
  registeredWith.add(tfIo);
  const handlerFor = (url: string | string[]): io.IOHandler =>
    // The registry takes null for "not mine", which its types do not say.
    seenAs(typeof url === 'string' && url.startsWith('file://') ? fileHandler(tfIo, url) : null);
  tfIo.registerLoadRouter(handlerFor);
  tfIo.registerSaveRouter(handlerFor);
}

function fileHandler(tfIo: Io, url: string): io.IOHandler {
  const path = pathOf(url);
  return {
    save: (artifacts) => saveModel(tfIo, path, artifacts),
    load: () => loadModel(tfIo, path),
  };
}

/** Relative paths as tfjs-node takes them (`file://./model`), which are no valid file URLs. */
function pathOf(url: string): string {
  return url.startsWith('file:///') ? fileURLToPath(url) : url.slice('file://'.length);
}

async function saveModel(tfIo: Io, folder: string, artifacts: io.ModelArtifacts): Promise<io.SaveResult> {
  if (artifacts.modelTopology instanceof ArrayBuffer) {
    throw new UsageError('a model topology in binary form cannot be saved to file://.');
  }
  await mkdir(folder, { recursive: true });
  const weights = tfIo.CompositeArrayBuffer.join(artifacts.weightData ?? new ArrayBuffer(0));
  const manifest = [{ paths: ['weights.bin'], weights: artifacts.weightSpecs ?? [] }];
  // The weights go first: model.json is what a reader opens.
  await replaceFile(join(folder, 'weights.bin'), new Uint8Array(weights));
  await replaceFile(
    join(folder, 'model.json'),
    JSON.stringify({
      ...artifacts,
      weightData: undefined,
      weightSpecs: undefined,
      weightsManifest: manifest,
    }),
  );
  return { modelArtifactsInfo: tfIo.getModelArtifactsInfoForJSON(artifacts) };
}

async function replaceFile(path: string, body: string | Uint8Array): Promise<void> {
  const part = `${path}.part`;
  await writeFile(part, body);
  await rename(part, path);
}

async function loadModel(tfIo: Io, path: string): Promise<io.ModelArtifacts> {
  const json: io.ModelJSON = JSON.parse(await readFile(path, 'utf8'));
  return tfIo.getModelArtifactsForJSON(json, async (manifest) => {
    const files = manifest.flatMap((group) => group.paths);
    const parts = await Promise.all(files.map((file) => readFile(join(dirname(path), file))));
    const weights = Uint8Array.from(Buffer.concat(parts));
    return [tfIo.getWeightSpecs(manifest), weights.buffer];
  });
}
