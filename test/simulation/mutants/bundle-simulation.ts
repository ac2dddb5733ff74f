import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { build as bundle, type Plugin } from 'esbuild';
import { applyPatches, type Mutation } from './mutation.ts';

const root = resolve(import.meta.dirname, '../../..');

/** The simulation with a product that is wrong in one way, or right where no mutation is given, as one file. */
export interface Bundle extends Disposable {
  readonly file: string;
}

export async function bundleSimulation(mutation: Mutation | undefined): Promise<Bundle> {
  const patched = new Set<string>();
  const { outputFiles } = await bundle({
    entryPoints: [join(import.meta.dirname, 'hunt-thread.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Packages are as right as ever; they are found beside the bundle.
    packages: 'external',
    sourcemap: 'inline',
    write: false,
    logLevel: 'silent',
    plugins: mutation === undefined ? [] : [planting(mutation, patched)],
  });
  const missed = new Set(mutation?.patches.map(({ file }) => file).filter((file) => !patched.has(file)));
  if (missed.size > 0)
    throw new Error(`the simulation does not run ${[...missed].join(', ')}, so that nothing was planted`);
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-mutant-'));
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'));
  const file = join(dir, 'simulation.mjs');
  await writeFile(file, outputFiles[0]?.contents ?? '');
  return { file, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

function planting({ patches }: Mutation, patched: Set<string>): Plugin {
  return {
    name: 'planting',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const file = relative(root, path);
        const own = patches.filter((patch) => patch.file === file);
        if (own.length === 0) return undefined;
        patched.add(file);
        return { contents: applyPatches(await readFile(path, 'utf8'), own), loader: 'ts' };
      });
    },
  };
}
