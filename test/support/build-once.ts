import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** Tests that start real processes run dist/. Compiles it when a source is newer; types are checked elsewhere. */
export default function buildOnce(): void {
  const stamp = join(root, 'dist', '.tested');
  const builtAt = existsSync(stamp) ? statSync(stamp).mtimeMs : 0;
  if (newestSourceMs() <= builtAt) return;
  const startedAt = new Date();
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  cpSync(join(root, 'infra/instance/files'), join(root, 'dist/infra/instance/files'), { recursive: true });
  mkdirSync(join(root, 'dist/job'), { recursive: true });
  cpSync(join(root, 'job/Dockerfile'), join(root, 'dist/job/Dockerfile'));
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--noCheck'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('the build for tests failed');
  writeFileSync(stamp, startedAt.toISOString());
}

function newestSourceMs(): number {
  return Math.max(
    ...['lib', 'job', 'local', 'infra', 'proof', 'cli'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
    ),
    statSync(join(root, 'tsconfig.build.json')).mtimeMs,
  );
}
