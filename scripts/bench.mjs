// Runs the benchmark: builds what is stale, bundles bench/ to .bench/, and starts it. What is measured is the product as it
// was built: everything of lib, job and local is loaded from dist/ and never bundled.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, '.bench');
const startedMs = Date.now();

const built = spawnSync(process.execPath, [join(root, 'scripts', 'build-if-stale.mjs')], {
  stdio: ['ignore', 2, 2],
});
if (built.status !== 0) process.exit(built.status ?? 1);

rmSync(out, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  // Files that are started as processes of their own stand side by side.
  entryPoints: ['main', ...processes(join(root, 'bench'))].map((path) => ({
    in: `bench/${path}.ts`,
    out: path.split('/').at(-1),
  })),
  outdir: out,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  packages: 'external',
  logLevel: 'warning',
  plugins: [{ name: 'product', setup: productFromDist }],
});

const { status, signal } = spawnSync(
  process.execPath,
  ['--enable-source-maps', join(out, 'main.js'), ...process.argv.slice(2)],
  // A quick run has a minute, and building was part of it.
  { stdio: 'inherit', env: { ...process.env, HOLDFAST_BENCH_SPENT_MS: String(Date.now() - startedMs) } },
);
process.exitCode = status ?? (signal === 'SIGINT' ? 130 : 1);

/** `bench/sink/sink-process.ts` and its like. */
function processes(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((path) => path.endsWith('-process.ts'))
    .map((path) => path.replaceAll('\\', '/').slice(0, -'.ts'.length));
}

function productFromDist(bundler) {
  bundler.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
    const target = relative(root, join(resolveDir, path)).replaceAll('\\', '/');
    if (!/^(?:lib|job|local)\//.test(target)) return undefined;
    const compiled = join(root, 'dist', target.replace(/\.ts$/, '.js'));
    return { path: pathToFileURL(compiled).href, external: true };
  });
}
