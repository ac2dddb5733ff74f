// Builds when a source is newer than what was built: `cdk` runs this first, so that an edit of infra/ is never deployed as it was.
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Times of files below a folder, in ms. A folder that is not there has none. */
function timesBelow(folder, endings) {
  if (statSync(join(root, folder), { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && endings.some((ending) => entry.name.endsWith(ending)))
    .map((entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.mtimeMs ?? 0);
}

const sources = ['lib', 'job', 'local', 'infra', 'proof', 'cli'].flatMap((folder) =>
  timesBelow(folder, ['.ts', '.sh', '.service', '.conf', '.json']),
);
// Whatever was built first counts: a build that was cut short is stale. An installed package has no sources and is never built.
const built = Math.min(...timesBelow('dist', ['.js']));
if (sources.length > 0 && !(Math.max(...sources) <= built)) {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
}
