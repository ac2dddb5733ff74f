import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** Assets are copied into the cloud assembly while the app is synthesized; the originals go with the process. */
function outDir(): string {
  if (folder !== undefined) return folder;
  const made = mkdtempSync(join(tmpdir(), 'holdfast-bundles-'));
  process.once('exit', () => rmSync(made, { recursive: true, force: true }));
  folder = made;
  return made;
}
