import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { sha256Hex } from '../../lib/base/digest.ts';
import { buildBundle } from './build-bundle.ts';
import { instanceFiles } from './instance-files.ts';
import { tarOf } from './tar.ts';

/** Every process that an instance starts. What they share is in the bundle once. */
const entries = [
  'job/instance.js',
  'job/after-exit.js',
  'job/trainer/tfjs-host.js',
  'job/trainer/guardian.js',
  'job/transfer/transfer-thread.js',
] as const;

export interface WorkerBundle {
  /** The folder as it lies on an instance, at `/opt/holdfast/app`; also what the container is built from. */
  readonly folder: string;
  /** The same as one tar archive. */
  readonly archive: string;
  /** Of the archive, as `BootFacts.bundleSha256` wants it. */
  readonly sha256: string;
}

/**
 * Builds what an instance runs into `outDir`: worker, trainer and the files that prepare the machine. TensorFlow.js is
 * left out; it comes with the runtime archive (`runtime-recipe.ts`). The same sources make the same bytes.
 * @throws UsageError when a file was not built, or a dependency is missing
 */
export function buildWorkerBundle(outDir: string): WorkerBundle {
  const folder = join(outDir, 'app');
  buildBundle({ entries, outDir: folder, external: ['@tensorflow/*'] });
  for (const { path, bytes, isExecutable } of instanceFiles()) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes, { mode: isExecutable ? 0o755 : 0o644 });
  }
  const files = filesBelow(folder).map((path) => ({
    path,
    bytes: readFileSync(join(folder, path)),
    isExecutable: path.endsWith('.sh'),
  }));
  const bytes = tarOf(files);
  const archive = join(outDir, 'worker.tar');
  writeFileSync(archive, bytes);
  return { folder, archive, sha256: sha256Hex(bytes) };
}

export interface FunctionBundle {
  /** What the function's code is made from. */
  readonly folder: string;
  /** Of the function, as Lambda names it. */
  readonly handler: string;
}

/**
 * Builds the scheduled function into `outDir`.
 * @throws UsageError when it was not built, or a dependency is missing
 */
export function buildReconcileBundle(outDir: string): FunctionBundle {
  const folder = join(outDir, 'reconcile');
  buildBundle({ entries: ['job/reconcile-function.js'], outDir: folder });
  return { folder, handler: 'job/reconcile-function.handler' };
}

/** Paths of all files, with slashes. */
function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
}
