import { readFileSync } from 'node:fs';
import { downloadList, instanceFile } from './runtime-recipe.ts';
import type { TarEntry } from './tar.ts';

/** Files of `files/` that lie in the worker bundle below `instance/`. */
const names = [
  'build-runtime.sh',
  'cloudwatch-agent.json',
  'holdfast-after-exit-container.service',
  'holdfast-after-exit.service',
  'holdfast-worker-container.service',
  'holdfast-worker.service',
  'logrotate.conf',
  'package-lock.json',
  'package.json',
  'prepare.sh',
] as const;

const dockerfile = new URL('../../job/Dockerfile', import.meta.url);

/** What prepares a machine, as entries of the worker bundle. */
export function instanceFiles(): readonly TarEntry[] {
  const texts = [
    ...names.map((name) => ({ name, text: instanceFile(name) })),
    { name: 'downloads.txt', text: downloadList() },
  ];
  const files = texts.map(({ name, text }) => ({
    path: `instance/${name}`,
    bytes: Buffer.from(text),
    isExecutable: name.endsWith('.sh'),
  }));
  // Docker looks for it at the root of what an image is built from.
  return [...files, { path: 'Dockerfile', bytes: readFileSync(dockerfile), isExecutable: false }];
}
