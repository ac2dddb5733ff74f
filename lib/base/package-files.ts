import { existsSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';

/** Tests run the sources themselves; everything else runs what was built from them. */
const isSource = import.meta.url.endsWith('.ts');
const here = import.meta.dirname;
const packageRoot = nearestPackage(here);
const dist = join(packageRoot, 'dist');
/** In a worker bundle the built files stand beside its package.json. */
const isBundle = !isSource && !here.startsWith(`${dist}${sep}`);

/**
 * Folders that hold nothing but code of this package, each with its slash at the end. Of a bundle that is all there is; beside
 * the sources other things stand as well, examples for one.
 */
export const ownCode: readonly string[] = isBundle
  ? [`${packageRoot}${sep}`]
  : ['dist', 'job', 'lib'].map((name) => join(packageRoot, name, sep));

/** A file that comes with this package, as `examples/mnist/train.ts`. */
export function packageFile(path: string): string {
  return join(packageRoot, path);
}

/** A built file, to be run as a process of its own, as `job/trainer/tfjs-host.js`. */
export function builtFile(path: string): string {
  return join(isBundle ? packageRoot : dist, path);
}

/** The innermost folder upwards of `start` that has a package.json: of the sources, of an installed package, of a bundle. */
function nearestPackage(start: string): string {
  for (let folder = start; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
  }
  return start;
}
