import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import util from 'node:util';
import { messageOf, UnfitError } from '../base/errors.ts';
import type { Runtime } from '../contract/manifest.ts';
import { registerFileIo } from './file-io.ts';
import { mendNative } from './mend-native.ts';
import { seenAs } from './private-fields.ts';
import { loadWasmBackend, tf as tfjs } from './tensorflow.ts';
import { registerWasmKernels } from './wasm-kernels/register-wasm-kernels.ts';

export type TensorFlow = typeof tfjs;
export type BackendName = 'tensorflow' | 'wasm' | 'cpu';
export interface OpenBackend {
  /** The one instance that host and program share. */
  readonly tf: TensorFlow;
  readonly backend: BackendName;
  readonly runtime: Runtime;
}

/**
 * Read by the native library when it loads. What is already set is left alone, and recorded.
 * oneDNN chooses its kernels by the instructions of the processor. As many threads as the
 * library would take by itself: sums are cut into as many parts as there are threads, so that matrix products and gradients
 * of convolutions differ in the last bits between machines of two sizes. Said here, the number stands in every manifest; set
 * alike on all machines, it makes them equal.
 */
const determinismFlags: Readonly<Record<string, string>> = {
  TF_DETERMINISTIC_OPS: '1',
  TF_CUDNN_DETERMINISTIC: '1',
  TF_ENABLE_ONEDNN_OPTS: '0',
  TF_NUM_INTRAOP_THREADS: String(availableParallelism()),
};
const nativePackages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/**
 * Opens the best TensorFlow.js backend there is: `@tensorflow/tfjs-node-gpu`, `@tensorflow/tfjs-node`, wasm with the
 * kernels that training needs, cpu. Must be awaited before user code is loaded, since tensors can be made only then.
 * `wanted` names one instead, and nothing else is tried.
 * @throws UnfitError when the wanted backend is not installed or does not start
 */
export async function openBackend(wanted?: BackendName): Promise<OpenBackend> {
  if (wanted === undefined || wanted === 'tensorflow') {
    const native = await openNative();
    if (native !== undefined) return native;
    if (wanted === 'tensorflow') {
      throw new UnfitError('the native TensorFlow backend is not installed.', {
        hint: 'Run npm install @tensorflow/tfjs-node-gpu (or @tensorflow/tfjs-node) on this machine, or use the wasm backend.',
      });
    }
  }
  return wanted === 'cpu' ? openCpu() : openWasm();
}

async function openNative(): Promise<OpenBackend | undefined> {
  const require = createRequire(import.meta.url);
  for (const name of nativePackages) {
    const installed = resolved(require, name);
    if (installed === undefined) continue;
    setDeterminismFlags();
    restoreRemovedUtilities();
    // Installed but broken (no driver, wrong library) must stop the job: silently training on a slow backend costs more.
    try {
      const tf: TensorFlow = require(installed);
      await tf.setBackend('tensorflow');
      await tf.ready();
      mendNative(tf);
      return { tf, backend: 'tensorflow', runtime: nativeRuntime(tf, name) };
    } catch (cause) {
      throw new UnfitError(`${name} is installed but does not load: ${messageOf(cause)}`, {
        cause,
        hint: 'Repair or remove it, or name a backend: wasm or cpu.',
      });
    }
  }
  return undefined;
}

function resolved(require: NodeJS.Require, name: string): string | undefined {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
  }
}

function setDeterminismFlags(): void {
  for (const [name, value] of Object.entries(determinismFlags)) process.env[name] ??= value;
}

/** Node 23 removed two functions of `node:util` that the released native packages call in every operation. */
function restoreRemovedUtilities(): void {
  const removed = {
    isNullOrUndefined: (value: unknown): boolean => value === null || value === undefined,
    isArray: Array.isArray,
  };
  for (const [name, utility] of Object.entries(removed))
    if (!(name in util)) Object.assign(util, { [name]: utility });
}

function nativeRuntime(tf: TensorFlow, name: string): Runtime {
  const flags = Object.keys(determinismFlags).map((flag) => `${flag}=${process.env[flag] ?? ''}`);
  const gpu = gpuModel();
  return {
    backend: 'tensorflow',
    versions: {
      ...commonVersions(tf),
      [name.slice('@tensorflow/'.length)]: seenAs<Record<string, string>>(tf.version)['tfjs-node'] ?? '',
      flags: flags.join(' '),
      // Without a GPU the sizes of the processor's caches decide how sums are cut.
      ...(gpu !== undefined ? { gpu } : { cpu: cpus()[0]?.model ?? '' }),
    },
    arch: process.arch,
  };
}

/** What the NVIDIA driver says of its first device. */
function gpuModel(): string | undefined {
  const folder = '/proc/driver/nvidia/gpus';
  const [first] = existsSync(folder) ? readdirSync(folder) : [];
  if (first === undefined) return undefined;
  return /^Model:\s*(.+)$/m.exec(readFileSync(join(folder, first, 'information'), 'utf8'))?.[1];
}

async function openWasm(): Promise<OpenBackend> {
  // Loaded only when used: the package makes wasm the preferred backend as soon as it is imported.
  const { version_wasm: version } = loadWasmBackend();
  registerWasmKernels();
  await start('wasm');
  return jsRuntime('wasm', { 'tfjs-backend-wasm': version });
}

async function openCpu(): Promise<OpenBackend> {
  await start('cpu');
  // Its first operation would print advice to install another backend; which one is used was decided here.
  seenAs<{ firstUse: boolean }>(tfjs.backend()).firstUse = false;
  return jsRuntime('cpu', {});
}

async function start(backend: 'wasm' | 'cpu'): Promise<void> {
  const started = await tfjs.setBackend(backend);
  await tfjs.ready();
  if (!started) throw new UnfitError(`the ${backend} backend of TensorFlow.js does not start.`);
  registerFileIo(tfjs.io);
}

function jsRuntime(backend: 'wasm' | 'cpu', versions: Readonly<Record<string, string>>): OpenBackend {
  return {
    tf: tfjs,
    backend,
    runtime: { backend, versions: { ...commonVersions(tfjs), ...versions }, arch: process.arch },
  };
}

function commonVersions(tf: TensorFlow): Record<string, string> {
  return { node: process.versions.node, tfjs: tf.version.tfjs };
}
