import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { packageFile } from '../../lib/base/package-files.ts';

const manifestSchema = z.object({
  version: z.string(),
  devDependencies: z.record(z.string(), z.string()),
  dependencies: z.record(z.string(), z.string()),
});

/**
 * The exact version of a package that this Holdfast is built and tested with.
 * @throws Error when package.json does not name it, which is a fault of the package
 */
export function pinnedVersion(name: string): string {
  const { devDependencies, dependencies } = ownManifest();
  const version = dependencies[name] ?? devDependencies[name];
  if (version === undefined) throw new Error(`package.json names no version of ${name}`);
  return version;
}

/** `name@version` of each, as npm takes them. */
export function pinned(...names: readonly string[]): string {
  return names.map((name) => `${name}@${pinnedVersion(name)}`).join(' ');
}

/** This package's own version. */
export function ownVersion(): string {
  return ownManifest().version;
}

function ownManifest(): z.infer<typeof manifestSchema> {
  return manifestSchema.parse(JSON.parse(readFileSync(packageFile('package.json'), 'utf8')));
}
