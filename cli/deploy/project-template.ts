import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join, sep } from 'node:path';
import { z } from 'zod';
import { packageFile } from '../../lib/base/package-files.ts';
import { ownVersion, pinnedVersion } from './pinned-versions.ts';

/** One file of a new project: its path inside the project, and its text. */
export interface ProjectFile {
  readonly path: string;
  readonly text: string;
}

/** Under their own names npm would leave the one out of the package, and Node.js would take the other for this package's. */
const otherNames: Readonly<Record<string, string>> = {
  gitignore: '.gitignore',
  'package.template.json': 'package.json',
};

/**
 * The files of a project in the folder `dir`, from the template that comes with this package. Versions are those that this
 * package is built and tested with.
 */
export function projectFiles(dir: string): readonly ProjectFile[] {
  const folder = packageFile('templates/project');
  const name = projectName(dir);
  const checkout = ownCheckout();
  const value = (placeholder: string): string => {
    if (placeholder === 'name' || placeholder === 'stack') return name;
    if (placeholder === 'holdfast') return checkout === undefined ? ownVersion() : `file:${checkout}`;
    return pinnedVersion(placeholder);
  };
  const files = readdirSync(folder).map((file) => ({
    path: otherNames[file] ?? file,
    text: readFileSync(join(folder, file), 'utf8').replaceAll(/\{\{([^{}]+)\}\}/g, (_, placeholder: string) =>
      value(placeholder),
    ),
  }));
  return [...files.map(withFeatureFlags), ...(checkout === undefined ? [] : [installLinks])];
}

/**
 * A name that npm and CloudFormation both take, from that of the folder: lower case, digits and hyphens, beginning with a
 * letter, short enough for what is named after the stack, and not that of a package which the project depends on.
 */
export function projectName(dir: string): string {
  const plain = basename(dir)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 40)
    .replace(/-+$/, '');
  if (plain === '') return 'training';
  return ['holdfast', 'aws-cdk', 'aws-cdk-lib', 'constructs', 'esbuild', 'typescript'].includes(plain)
    ? `${plain}-training`
    : plain;
}

/** The folder of this package where it is a checkout, not installed: nobody could install its version from a registry. */
function ownCheckout(): string | undefined {
  const folder = realpathSync(packageFile('.'));
  return folder.split(sep).includes('node_modules') ? undefined : folder;
}

/** A checkout is copied as a package would be. Linked it would bring a second CDK, whose constructs do not fit the first. */
const installLinks: ProjectFile = { path: '.npmrc', text: 'install-links=true\n' };

const cdkJsonSchema = z.looseObject({ context: z.record(z.string(), z.unknown()).default({}) });

/** A new app behaves as the CDK recommends today, as the one of this package does. */
function withFeatureFlags(file: ProjectFile): ProjectFile {
  if (file.path !== 'cdk.json') return file;
  const own = cdkJsonSchema.parse(JSON.parse(readFileSync(packageFile('cdk.json'), 'utf8')));
  const flags = Object.entries(own.context).filter(([key]) => key.startsWith('@aws-cdk'));
  const project = cdkJsonSchema.parse(JSON.parse(file.text));
  const merged = { ...project, context: { ...project.context, ...Object.fromEntries(flags) } };
  return { ...file, text: `${JSON.stringify(merged, null, 2)}\n` };
}
