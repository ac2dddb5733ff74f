import { resolve } from 'node:path';
import type { CliContext } from './context.ts';

/** The folder of the local region and of the deployment file, as an absolute path: what `--dir` says, else `.holdfast`. */
export function regionDir({ cwd, options }: Pick<CliContext, 'cwd' | 'options'>): string {
  return resolve(cwd, options.dir ?? '.holdfast');
}
