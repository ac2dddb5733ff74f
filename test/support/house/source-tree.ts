import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** One file as the house rules see it: its path from the root of the repository, with forward slashes, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export const root = join(import.meta.dirname, '..', '..', '..');

/** What is installed, built or made, and so not ours to judge. */
const notOurs = /(?:^|\/)(?:node_modules|dist|\.bench|coverage|\.git|\.holdfast)(?:\/|$)/;

/** Every file below `folders` (a file may be named too) whose name ends as asked, in order of path. */
export function filesUnder(folders: readonly string[], endings: readonly string[]): readonly SourceFile[] {
  const paths = folders.flatMap((folder) => pathsUnder(folder));
  return paths
    .filter((path) => !notOurs.test(path) && endings.some((ending) => path.endsWith(ending)))
    .toSorted()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

function pathsUnder(folder: string): readonly string[] {
  const top = statSync(join(root, folder), { throwIfNoEntry: false });
  if (top === undefined) return [];
  if (top.isFile()) return [folder];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .map((path) => path.replaceAll('\\', '/'));
}

/** The text without its comments, as far as a comment stands on lines of its own: that is the house style. */
export function codeOf(text: string): string {
  return text
    .split('\n')
    .map((line) => (/^\s*(?:\/\/|\/?\*)/.test(line) ? '' : line))
    .join('\n');
}

/** How a module is named: in a value import, in one that only types see, in an `import()`, or as a path of its own. */
export type ImportKind = 'value' | 'type' | 'lazy' | 'path';

export interface Import {
  readonly specifier: string;
  readonly kind: ImportKind;
}

/** Every module that the file names. */
export function importsOf(text: string): readonly Import[] {
  const code = codeOf(text);
  const found: Import[] = [];
  for (const [, type, specifier = ''] of code.matchAll(
    /\b(?:import|export)\s+(type\s+)?[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/g,
  ))
    found.push({ specifier, kind: type === undefined ? 'value' : 'type' });
  for (const [, specifier = ''] of code.matchAll(/\bimport\s*['"]([^'"]+)['"]/g))
    found.push({ specifier, kind: 'value' });
  for (const [, typeOf, specifier = ''] of code.matchAll(/(\btypeof\s+)?\bimport\s*\(\s*['"]([^'"]+)['"]/g))
    found.push({ specifier, kind: typeOf === undefined ? 'lazy' : 'type' });
  for (const [, specifier = ''] of code.matchAll(
    /\bnew URL\(\s*(?:[^()]*\?\s*)?['"](\.[^'"]+)['"][^)]*import\.meta\.url/g,
  ))
    found.push({ specifier, kind: 'path' });
  return found;
}
