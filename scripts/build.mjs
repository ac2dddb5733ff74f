// Compiles lib, job, local, infra, proof and cli to dist/. The folder is replaced whole, so that a deleted source leaves nothing behind.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(`${root}dist`, { recursive: true, force: true });
const tsc = fileURLToPath(import.meta.resolve('typescript/package.json')).replace('package.json', 'bin/tsc');
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);
chmodSync(`${root}dist/cli/main.js`, 0o755);
// What an instance or a container is prepared with is no code for the compiler.
cpSync(`${root}job/Dockerfile`, `${root}dist/job/Dockerfile`);
cpSync(`${root}infra/instance/files`, `${root}dist/infra/instance/files`, { recursive: true });
