import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleProgram } from '../../lib/client/bundle-program.ts';

/** Bundles one of `test/programs` into `dir`, and returns the path of the bundle. */
export async function bundleTestProgram(name: string, dir: string): Promise<string> {
  const { code } = await bundleProgram(join(import.meta.dirname, '..', 'programs', `${name}.ts`));
  return placed(name, code, dir);
}

/** Bundles a program given as text; its file is `<name>.ts`. */
export async function bundleText(name: string, text: string, dir: string): Promise<string> {
  const folder = join(dir, 'sources');
  mkdirSync(folder, { recursive: true });
  const entry = join(folder, `${name}.ts`);
  writeFileSync(entry, text);
  return placed(name, (await bundleProgram(entry)).code, dir);
}

function placed(name: string, code: string, dir: string): string {
  const folder = join(dir, 'bundles', name);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'program.mjs');
  writeFileSync(path, code);
  return path;
}
