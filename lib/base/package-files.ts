import { fileURLToPath } from 'node:url';

/** Tests run the sources themselves; everything else runs what was built from them. */
const isSource = import.meta.url.endsWith('.ts');
const packageRoot = new URL(isSource ? '../../' : '../../../', import.meta.url);

/** A file that comes with this package, as `examples/mnist/train.ts`. */
export function packageFile(path: string): string {
  return fileURLToPath(new URL(path, packageRoot));
}

/** A built file, to be run as a process of its own, as `job/trainer/tfjs-host.js`. */
export function builtFile(path: string): string {
  return packageFile(`dist/${path}`);
}
