import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { UsageError } from '../../lib/base/errors.ts';
import { builtFile, packageFile } from '../../lib/base/package-files.ts';

export interface BundleOrder {
  /** Built files, as `job/instance.js`. Each keeps its path in the bundle. */
  readonly entries: readonly string[];
  /** Made when it is not there. */
  readonly outDir: string;
  /** Packages that the place where the bundle runs brings along. */
  readonly external?: readonly string[];
}

/** Dependencies in CommonJS call `require` for what Node brings along; an ES module has none of its own. */
const requireBanner =
  "import { createRequire as holdfastCreateRequire } from 'node:module'; const require = holdfastCreateRequire(import.meta.url);";

/**
 * Bundles built files of this package with everything that they import into ES modules for Node.js 22; what entries share
 * stands in `chunks/`. The same input gives the same bytes, and no path of this machine is in them. It does not wait, as
 * constructs of the CDK cannot.
 * @throws UsageError when a file was not built, or imports what is not installed
 */
export function buildBundle(order: BundleOrder): void {
  const { entries, outDir, external = [] } = order;
  mkdirSync(outDir, { recursive: true });
  try {
    buildSync({
      entryPoints: entries.map((entry) => ({ in: builtFile(entry), out: entry.replace(/\.js$/, '') })),
      // Comments name each file relative to this, so that they do not depend on where the package lies.
      absWorkingDir: packageFile('.'),
      outdir: outDir,
      bundle: true,
      splitting: true,
      chunkNames: 'chunks/[name]-[hash]',
      format: 'esm',
      platform: 'node',
      target: 'node20',
      // ES modules of the dependencies where they have some: a third of the size of their CommonJS twins.
      mainFields: ['module', 'main'],
      conditions: ['module'],
      external: [...external],
      legalComments: 'none',
      banner: { js: requireBanner },
      logLevel: 'silent',
    });
  } catch (cause) {
    throw new UsageError(
      `the worker bundle was not built: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
        hint: 'Install the dependencies of holdfast again; from its sources, build it first.',
      },
    );
  }
  // Marks the root of the bundle, where built files are looked for, and makes its files ES modules.
  writeFileSync(join(outDir, 'package.json'), `${JSON.stringify({ type: 'module', private: true })}\n`);
}
