import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageFile } from '../lib/base/package-files.ts';
import {
  type FunctionBundle,
  type WorkerBundle,
  buildReconcileBundle,
  buildWorkerBundle,
} from './instance/worker-bundle.ts';

/** Built once a process, however many fleets an app has: the same sources make the same bytes. */
let folder: string | undefined;
let worker: WorkerBundle | undefined;
let reconcile: FunctionBundle | undefined;

/** What instances run, built on first use. */
export function workerBundle(): WorkerBundle {
  worker ??= buildWorkerBundle(outDir());
  return worker;
}

/** What the scheduled function runs, built on first use. */
export function reconcileBundle(): FunctionBundle {
  reconcile ??= buildReconcileBundle(outDir());
  return reconcile;
}

/**
 * What Docker is given to build the image from: `job/Dockerfile` as `Dockerfile`, and the worker bundle beside it as
 * `worker.tar`. Nothing else, so that the image changes only when one of them does.
 */
export function imageContext(): string {
  const context = join(outDir(), 'image');
  mkdirSync(context, { recursive: true });
  copyFileSync(packageFile('job/Dockerfile'), join(context, 'Dockerfile'));
  copyFileSync(workerBundle().archive, join(context, 'worker.tar'));
  return context;
}

/** Assets are copied into the cloud assembly while the app is synthesized; the originals go with the process. */
function outDir(): string {
  if (folder !== undefined) return folder;
  const made = mkdtempSync(join(tmpdir(), 'holdfast-bundles-'));
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  folder = made;
  return made;
}
