// Builds what is stale and starts the soak: `npm run soak -- --minutes N [--seed S] [--json]`.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const built = spawnSync(process.execPath, [join(root, 'scripts', 'build-if-stale.mjs')], {
  stdio: ['ignore', 2, 2],
});
if (built.status !== 0) process.exit(built.status ?? 1);
process.setSourceMapsEnabled(true);
// In this very process: another one would go on when this one is told to end.
await import('../dist/proof/soak/main.js');
