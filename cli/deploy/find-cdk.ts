import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { UnfitError } from '../../lib/base/errors.ts';
import { builtFile, packageFile } from '../../lib/base/package-files.ts';
import { pinned } from './pinned-versions.ts';

/** The command line of the AWS CDK, as it is installed. */
export interface CdkTool {
  readonly version: string;
  /** A script for Node.js. */
  readonly file: string;
}

/** A CDK app, and how the CDK is told of it. */
export interface CdkApp {
  /** The folder whose cdk.json counts. */
  readonly cwd: string;
  readonly args: readonly string[];
  /** It is the app that comes with this package. */
  readonly isOwn: boolean;
}

const manifestSchema = z.object({
  version: z.string(),
  bin: z.union([z.string(), z.record(z.string(), z.string())]),
});

/** A build of 2025 that was published by accident. It cannot read what any CDK library of today writes, yet is the highest version. */
const strayVersion = '3.0.0';

/**
 * The CDK of the project in `cwd`, else of this package.
 * @throws UnfitError when there is none, or the stray one
 */
export function findCdk(cwd: string): CdkTool {
  const install = `npm i -D ${pinned('aws-cdk')}`;
  const folder = installed('aws-cdk', cwd) ?? installed('aws-cdk', packageFile('.'));
  if (folder === undefined) {
    throw new UnfitError('the AWS CDK, which deploys, is not installed.', { hint: `\`${install}\`` });
  }
  const { version, bin } = manifestSchema.parse(
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')),
  );
  if (version === strayVersion) {
    throw new UnfitError('this version of the AWS CDK cannot deploy anything:', {
      facts: { version, folder },
      hint: `It was published by accident and npm takes it for the newest. \`${install}\``,
    });
  }
  const script = typeof bin === 'string' ? bin : (bin['cdk'] ?? '');
  return { version, file: join(folder, script) };
}

/**
 * The app that the folder describes (`cdk.json`), else the one that comes with this package.
 * @throws UnfitError when that one cannot run, because the CDK's library is not installed beside this package
 */
export function findApp(cwd: string): CdkApp {
  if (existsSync(join(cwd, 'cdk.json')))
    return { cwd, args: [], isOwn: resolve(cwd) === resolve(packageFile('.')) };
  for (const library of ['aws-cdk-lib', 'constructs']) {
    if (installed(library, packageFile('.')) === undefined) {
      throw new UnfitError(
        `${library}, which describes what is deployed, is not installed beside holdfast.`,
        {
          hint: `\`npm i -D holdfast ${pinned('aws-cdk', 'aws-cdk-lib', 'constructs')}\`, or \`holdfast init\` for a project that has it all.`,
        },
      );
    }
  }
  // Its cdk.json says which behaviours of the CDK it counts on, and the CDK reads that file in its working directory alone.
  // The CDK takes quotes off words that begin and end with one, so that the whole must not begin with one.
  const command = `node "${builtFile('infra/app.js')}"`;
  // It is built: this very command is a part of the same build.
  return { cwd: packageFile('.'), args: ['--app', command, '--build', ''], isOwn: true };
}

/** The folder of a package as Node.js would find it from `start`. */
function installed(name: string, start: string): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name);
    if (existsSync(join(found, 'package.json'))) return found;
    if (folder === dirname(folder)) return undefined;
  }
}
