/**
 * Where a key lies below the root of a directory store. A person finds `jobs/a/checkpoints/…/manifest.json` under just
 * that path; what a file system cannot hold as it is, is escaped:
 *
 * - Bytes of the key's UTF-8 other than a-z, 0-9 and `-_.~+=@,` are written `%xx`. Capitals are among them, so that keys
 *   which differ in case stay apart on file systems that ignore it; so is a leading dot, which marks the store's own folders.
 * - An object `n` and an object `n/b` would need `n` as a file and as a folder. So a name that looks like a file's
 *   (it contains a dot, or is a SHA-256) is plain as a file and gets `%` at its end as a folder, and any other name is
 *   plain as a folder and gets `%` at its end as a file.
 * - An empty name (`a//b`, `a/`) is written `%_`.
 */
import { join } from 'node:path';

const plainByte = /[a-z0-9\-_.~+=@,]/;
const looksLikeFile = (name: string): boolean => name.includes('.') || /^[0-9a-f]{64}$/.test(name);

export type NameKind = 'file' | 'folder';

export function encodeName(name: string, kind: NameKind): string {
  const escaped = name === '' ? '%_' : [...Buffer.from(name)].map(escapeByte).join('');
  return looksLikeFile(name) === (kind === 'file') ? escaped : `${escaped}%`;
}

/** The name that a directory entry stands for, or undefined when no key puts it there: not ours. */
export function decodeName(entry: string, kind: NameKind): string | undefined {
  const escaped = entry.endsWith('%') ? entry.slice(0, -1) : entry;
  const bytes: number[] = [];
  for (const [unit] of escaped === '%_' ? [] : escaped.matchAll(/%..|./gs))
    bytes.push(unit.length === 1 ? unit.charCodeAt(0) : Number.parseInt(unit.slice(1), 16));
  const name = Buffer.from(bytes).toString();
  return encodeName(name, kind) === entry ? name : undefined;
}

export function pathOfKey(root: string, key: string): string {
  const names = key.split('/');
  const last = names.pop() ?? '';
  return join(root, ...names.map((name) => encodeName(name, 'folder')), encodeName(last, 'file'));
}

/** The folder of the keys that begin with `prefix`, which is empty or ends in a slash. */
export function pathOfPrefix(root: string, prefix: string): string {
  const names = prefix.split('/').slice(0, -1);
  return join(root, ...names.map((name) => encodeName(name, 'folder')));
}

function escapeByte(byte: number, index: number): string {
  const character = String.fromCharCode(byte);
  const isPlain = plainByte.test(character) && !(index === 0 && character === '.');
  return isPlain ? character : `%${byte.toString(16).padStart(2, '0')}`;
}
