import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { ConflictError } from '../../lib/base/errors.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { Command } from '../context.ts';
import type { InitInput } from '../deploy/inputs.ts';
import { projectFiles } from '../deploy/project-template.ts';

/** `holdfast init`: a project in a folder. Writes all of its files or none, and never over one that is there. */
export const init: Command<InitInput> = async ({ cwd, terminal }, { folder }) => {
  const dir = resolve(cwd, folder);
  const files = projectFiles(dir);
  const inTheWay = files.map(({ path }) => path).filter((path) => existsSync(join(dir, path)));
  if (inTheWay.length > 0) {
    throw new ConflictError('these files are there already:', {
      facts: { files: inTheWay.join(', '), folder: dir },
      hint: 'Nothing was written. Name another folder, as in `holdfast init training`.',
    });
  }
  await mkdir(dir, { recursive: true });
  // `wx`: a file that appeared since is not overwritten either.
  for (const { path, text } of files) await writeFile(join(dir, path), text, { flag: 'wx' });
  if (terminal.json) {
    terminal.printJson({ folder: dir, files: files.map(({ path }) => path) });
    return exitCodes.ok;
  }
  for (const { path } of files) terminal.print(join(relative(cwd, dir), path));
  const go = dir === resolve(cwd) ? '' : `cd ${shellWord(relative(cwd, dir))} && `;
  terminal.suggest(`Next: ${go}npm install && npx holdfast up`);
  return exitCodes.ok;
};

/** A path that can be pasted into a shell, whatever stands in it. */
function shellWord(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
