import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** Where `scripts/build-native.mjs` put the native backend, or why it is not there. */
export type NativeBuild =
  | { readonly home: string; readonly tfjs: string; readonly tensorflow: string }
  | { readonly missing: string };

export function nativeBuild(): NativeBuild {
  const script = join(root, 'scripts', 'build-native.mjs');
  const answer = execFileSync(process.execPath, [script, '--where'], { encoding: 'utf8' });
  return JSON.parse(answer) as NativeBuild;
}

/**
 * Lays out Holdfast as on an instance, with the native backend among its neighbours, where the host finds it by itself.
 * Returns the path of the host.
 */
export function installBesideNative(dir: string, native: { readonly home: string }): string {
  const modules = join(dir, 'node_modules');
  const holdfast = join(modules, 'holdfast');
  mkdirSync(holdfast, { recursive: true });
  symlinkSync(join(native.home, 'node_modules', '@tensorflow'), join(modules, '@tensorflow'));
  const own = readdirSync(join(root, 'node_modules')).filter((name) => !/^\.|^@tensorflow$/.test(name));
  for (const name of own) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  for (const part of ['dist', 'package.json'])
    cpSync(join(root, part), join(holdfast, part), { recursive: true });
  return join(holdfast, 'dist', 'job', 'trainer', 'tfjs-host.js');
}
