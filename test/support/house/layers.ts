import { dirname, posix } from 'node:path';
import { type Import, importsOf, type SourceFile } from './source-tree.ts';

/** Folders of `lib`, in the order in which they build on each other. */
const libFolders = [
  'lib/base',
  'lib/contract',
  'lib/store',
  'lib/queue',
  'lib/interruption',
  'lib/fleet',
  'lib/journal',
  'lib/checkpoint',
  'lib/training',
  'lib/tfjs',
  'lib/aws',
  'lib/ledger',
  'lib/simulation',
  'lib/client',
] as const;

/**
 * Folder → what it may import besides itself. A folder inside one of these belongs to it. ARCHITECTURE.md shows the same
 * table, and the test compares the two.
 */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  'lib/base': [],
  'lib/contract': ['lib/base'],
  'lib/store': ['lib/base', 'lib/contract'],
  'lib/queue': ['lib/base', 'lib/contract'],
  'lib/interruption': ['lib/base', 'lib/contract'],
  'lib/fleet': ['lib/base', 'lib/contract'],
  'lib/journal': ['lib/base', 'lib/contract', 'lib/store'],
  'lib/checkpoint': ['lib/base', 'lib/contract', 'lib/store', 'lib/journal'],
  'lib/training': ['lib/base', 'lib/contract'],
  'lib/tfjs': ['lib/base', 'lib/contract', 'lib/training'],
  'lib/aws': ['lib/base', 'lib/contract', 'lib/store', 'lib/queue', 'lib/interruption', 'lib/fleet'],
  'lib/ledger': ['lib/base', 'lib/contract', 'lib/journal'],
  'lib/simulation': ['lib/base', 'lib/contract', 'lib/journal', 'lib/checkpoint', 'lib/ledger'],
  'lib/client': libFolders.filter((folder) => !['lib/client', 'lib/tfjs', 'lib/simulation'].includes(folder)),
  'lib/index.ts': libFolders.filter((folder) => folder !== 'lib/tfjs' && folder !== 'lib/aws'),
  'lib/training.ts': ['lib/training', 'lib/tfjs'],
  job: [...libFolders, 'lib/training.ts'],
  local: libFolders,
  infra: ['lib/base', 'lib/contract'],
  proof: [...libFolders, 'lib/training.ts', 'local', 'job'],
  cli: [...libFolders, 'local', 'job', 'proof'],
  bench: [...libFolders, 'lib/training.ts', 'local', 'job'],
};

/** A vendor is loaded only when it is needed: `holdfast --help` must not read an SDK from the disk. */
const onlyLazily: Readonly<Record<string, readonly string[]>> = {
  'lib/client': ['lib/aws'],
};

/** Folders that compute and never touch the machine: the same answer anywhere. */
export const pureFolders: readonly string[] = ['lib/contract', 'lib/journal', 'lib/ledger'];

/** Package → the folders that may import it. A package that is not here has no home yet. */
const vendorHomes: ReadonlyArray<readonly [RegExp, readonly string[]]> = [
  // The bench measures the SDK's own uploads as a peer.
  [/^@(?:aws-sdk|smithy)\//, ['lib/aws', 'bench']],
  // Programs that are measured or soaked are programs as users write them.
  [/^@tensorflow\//, ['lib/tfjs', 'bench', 'proof']],
  [/^holdfast\/training$/, ['bench', 'proof']],
  [/^(?:aws-cdk-lib|constructs)(?:\/|$)/, ['infra']],
  [/^esbuild$/, ['lib/client', 'infra']],
  [/^(?:commander|picocolors)$/, ['cli']],
  [/^pure-rand\//, ['lib/base', 'lib/training']],
  [/^fzstd$/, ['lib/checkpoint']],
  // Where documents, messages and answers of others are parsed.
  [
    /^zod$/,
    [
      'lib/contract',
      'lib/store',
      'lib/queue',
      'lib/interruption',
      'lib/journal',
      'lib/aws',
      'lib/client',
      'job',
      'local',
      'proof',
      'cli',
    ],
  ],
];

/** Files that are started as processes of their own from another folder: the only paths that may point across. */
const startedAsProcess: readonly string[] = ['lib/client/inspect-program.ts → job/trainer/tfjs-host.js'];

/** The folder of the table that a source file belongs to. */
export function homeOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return top === 'lib' ? `${top}/${second}` : top;
}

/** What an example may import: what any user of the package could. */
const forEverybody = /^(?:\.\/[^.]|holdfast(?:\/training)?$|@tensorflow\/tfjs$|node:)/;

/** Imports of an example that would not work in somebody's own project. */
export function insidersImports(file: SourceFile): readonly string[] {
  const inside = importsOf(file.text).filter(({ specifier }) => !forEverybody.test(specifier));
  return inside.map(({ specifier }) => `${specifier} is not for users`);
}

/** What of a file's imports the layers forbid, in words. */
export function brokenArrows(file: SourceFile): readonly string[] {
  const home = homeOf(file.path);
  const allowed = mayImport[home];
  if (allowed === undefined) return [`${home} is missing from the table of layers`];
  return importsOf(file.text).flatMap((one) =>
    one.specifier.startsWith('.') ? brokenArrow(file, one, allowed) : foreignVendor(home, one),
  );
}

function brokenArrow(file: SourceFile, one: Import, allowed: readonly string[]): readonly string[] {
  const home = homeOf(file.path);
  const target = posix.join(dirname(file.path), one.specifier);
  const folder = homeOf(target);
  if (one.kind === 'path' && !/\.(?:js|mjs|ts)$/.test(one.specifier)) return [];
  if (one.kind === 'path') {
    const isWithin = folder === home || mayImport[folder] === undefined;
    const start = `${file.path} → ${target}`;
    return isWithin || allowed.includes(folder) || startedAsProcess.includes(start) ? [] : [start];
  }
  if (target.startsWith('..')) return [`${one.specifier} leaves the repository`];
  if (!/\.(?:ts|json)$/.test(one.specifier)) return [`${one.specifier} does not end in .ts`];
  if (folder === home) return [];
  if (!allowed.includes(folder)) return [`${home} may not import ${folder}: ${one.specifier}`];
  const isEager = one.kind === 'value' && (onlyLazily[home]?.includes(folder) ?? false);
  return isEager ? [`${home} imports ${folder} only by import(): ${one.specifier}`] : [];
}

function foreignVendor(home: string, { specifier }: Import): readonly string[] {
  if (specifier.startsWith('node:')) {
    return pureFolders.includes(home) ? [`${home} is pure and may not import ${specifier}`] : [];
  }
  const homes = vendorHomes.find(([vendor]) => vendor.test(specifier))?.[1];
  if (homes === undefined) return [`${specifier} has no home in the table of vendors`];
  return homes.includes(home) ? [] : [`${home} may not import ${specifier}; its home is ${homes.join(', ')}`];
}
