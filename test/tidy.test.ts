/**
 * The rules of the house, held by a test: folders and arrows, time and chance, documents that stay true. Each rule is a
 * function, and each is also shown a fault that was planted for it, so that a green line means something.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  misplacedTest,
  promises,
  strangersWords,
  tooLong,
  uninjectedTimeOrChance,
} from './support/house/code-rules.ts';
import {
  adviceIn,
  anchorsOf,
  codeSpans,
  deadLinks,
  tableRows,
  type Typable,
  unknownCommands,
} from './support/house/document-rules.ts';
import { brokenArrows, homeOf, insidersImports, mayImport, pureFolders } from './support/house/layers.ts';
import { codeOf, filesUnder, importsOf, root, type SourceFile } from './support/house/source-tree.ts';

const product = filesUnder(['lib', 'job', 'local', 'infra', 'proof', 'cli', 'bench'], ['.ts']);
const around = filesUnder(['examples', 'scripts', 'templates'], ['.ts', '.mjs']);
const tests = filesUnder(['test'], ['.ts', '.mjs']);
const documents = filesUnder(
  ['docs', 'examples', 'templates', ...readdirSync(root).filter((name) => name.endsWith('.md'))],
  ['.md'],
);
const everything = [...product, ...around, ...tests, ...documents];
const file = (path: string, text: string): SourceFile => ({ path, text });
/** This test shows the faults that it looks for. */
const isNotThisTest = ({ path }: SourceFile): boolean => path !== 'test/tidy.test.ts';
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');
const pathsOf = (files: readonly SourceFile[]): string[] => files.map(({ path }) => path);
/** Faults of many files, each behind the path where it is. */
const faultsOf = (files: readonly SourceFile[], rule: (one: SourceFile) => readonly string[]): string[] =>
  files.flatMap((one) => rule(one).map((fault) => `${one.path}: ${fault}`));

it('sees the code base, so that green means something', () => {
  expect(product.length).toBeGreaterThan(200);
  expect(tests.length).toBeGreaterThan(80);
  expect(documents.length).toBeGreaterThan(5);
  expect(product.flatMap(({ text }) => importsOf(text)).length).toBeGreaterThan(1_000);
  for (const home of Object.keys(mayImport)) expect(product.map(({ path }) => homeOf(path))).toContain(home);
});

describe('layers', () => {
  it('every file imports only what its layer may', () => {
    expect(faultsOf(product, brokenArrows)).toEqual([]);
  });

  it.each([
    ['upwards', 'lib/store/x.ts', `import { y } from '../journal/y.ts';`, /may not import lib\/journal/],
    ['sideways', 'lib/queue/x.ts', `import { y } from '../store/y.ts';`, /may not import lib\/store/],
    ['for a type only', 'lib/base/x.ts', `import type { Y } from '../contract/y.ts';`, /may not import/],
    ['over several lines', 'lib/base/x.ts', `import {\n  y,\n} from '../contract/y.ts';`, /may not import/],
    ['as a re-export', 'lib/contract/x.ts', `export * from '../store/y.ts';`, /may not import lib\/store/],
    ['lazily', 'lib/contract/x.ts', `await import('../store/y.ts')`, /may not import lib\/store/],
    ['as a side effect', 'lib/contract/x.ts', `import '../store/y.ts';`, /may not import lib\/store/],
    [
      'from a sub-folder',
      'lib/tfjs/a/b.ts',
      `import { y } from '../../aws/y.ts';`,
      /may not import lib\/aws/,
    ],
    ['as a path', 'lib/client/x.ts', `new URL('../../job/y.js', import.meta.url)`, /job\/y\.js/],
    ['from local to job', 'local/x.ts', `import { y } from '../job/y.ts';`, /local may not import job/],
    ['from job to cli', 'job/stages/x.ts', `import { y } from '../../cli/y.ts';`, /job may not import cli/],
    ['to a test', 'cli/x.ts', `import { y } from '../test/support/y.ts';`, /cli may not import test/],
    ['out of the tree', 'cli/x.ts', `import { y } from '../../other/y.ts';`, /leaves the repository/],
    ['eagerly', 'lib/client/x.ts', `import { y } from '../aws/y.ts';`, /only by import\(\)/],
    ['without an ending', 'lib/store/x.ts', `import { y } from '../base/y';`, /does not end in \.ts/],
    ['from nowhere', 'lib/new/x.ts', ``, /missing from the table/],
    ['an SDK', 'lib/client/x.ts', `import { S3Client } from '@aws-sdk/client-s3';`, /its home is lib\/aws/],
    ['TensorFlow.js', 'job/x.ts', `import * as tf from '@tensorflow/tfjs';`, /its home is lib\/tfjs/],
    ['an unknown package', 'lib/base/x.ts', `import y from 'left-pad';`, /has no home/],
    ['the machine', 'lib/journal/x.ts', `import { readFile } from 'node:fs/promises';`, /is pure/],
  ])('catches an import that goes wrong %s', (_, path, text, fault) => {
    expect(brokenArrows(file(path, text)).join()).toMatch(fault);
  });

  it.each([
    ['its own folder', 'lib/tfjs/entries/x.ts', `import { y } from '../y.ts';`],
    ['a lower one', 'lib/journal/x.ts', `import { y } from '../store/y.ts';`],
    ['a vendor at home', 'lib/tfjs/x.ts', `import * as tf from '@tensorflow/tfjs';`],
    ['a vendor lazily', 'lib/client/x.ts', `const { y } = await import('../aws/y.ts');`],
    ['a type of a lazy vendor', 'lib/client/x.ts', `import type { Y } from '../aws/y.ts';`],
    ['what a comment shows', 'lib/base/x.ts', ` * import { y } from '../cli/y.ts';\n`],
  ])('allows %s', (_, path, text) => {
    expect(brokenArrows(file(path, text))).toEqual([]);
  });

  it('gives examples only what everybody has', () => {
    const examples = around.filter(({ path }) => path.startsWith('examples/'));
    expect(faultsOf(examples, insidersImports)).toEqual([]);
    expect(
      insidersImports(file('examples/x/train.ts', `import { y } from '../../lib/training.ts';`)),
    ).toHaveLength(1);
  });

  it('draws arrows that never lead back', () => {
    const above = (folder: string, seen: readonly string[] = []): readonly string[] =>
      seen.includes(folder)
        ? [[...seen, folder].join(' → ')]
        : (mayImport[folder] ?? []).flatMap((next) => above(next, [...seen, folder]));
    expect(Object.keys(mayImport).flatMap((folder) => above(folder))).toEqual([]);
  });
});

describe('code', () => {
  it('every file fits in 300 lines', () => {
    expect(faultsOf([...product, ...around], tooLong)).toEqual([]);
  });

  it('takes time and chance from outside', () => {
    expect(faultsOf(product, uninjectedTimeOrChance)).toEqual([]);
  });

  it('puts nothing off', () => {
    expect(faultsOf(everything.filter(isNotThisTest), promises)).toEqual([]);
  });

  it('speaks of the project alone', () => {
    const names = new Set(pathsOf(documents).flatMap((path) => [path, path.replace(/.*\//, '')]));
    expect(faultsOf(everything.filter(isNotThisTest), (one) => strangersWords(one, names))).toEqual([]);
  });

  it('would notice a file of more than 300 lines', () => {
    expect(tooLong(file('x.ts', 'x;\n'.repeat(300)))).toEqual([]);
    expect(tooLong(file('x.ts', 'x;\n'.repeat(301)))).toEqual(['301 lines; 300 is the limit']);
  });

  it.each([
    `const now = Date.now();`,
    `const now = new Date();`,
    `const now = performance.now();`,
    `const chance = Math.random();`,
    `setTimeout(done, 5);`,
    `  setInterval(tick, 5);`,
    `import { setTimeout as wait } from 'node:timers/promises';`,
  ])('notices uninjected time or chance: %s', (text) => {
    expect(uninjectedTimeOrChance(file('job/x.ts', text))).toHaveLength(1);
    expect(uninjectedTimeOrChance(file('lib/base/x.ts', text))).toEqual([]);
    expect(uninjectedTimeOrChance(file('job/x.ts', `  // ${text}`))).toEqual([]);
  });

  it.each([
    `socket.setTimeout(5);`,
    `new Date(at)`,
    `clock.now()`,
    `import { setImmediate } from 'node:timers/promises';`,
  ])('lets pass what only looks like it: %s', (text) => {
    expect(uninjectedTimeOrChance(file('job/x.ts', text))).toEqual([]);
  });

  it.each(['// TODO later', '/* FIXME */', 'see /home/someone/x', 'as PR 12 says', 'see docs/gone.md'])(
    'notices words that do not belong here: %s',
    (text) => {
      const one = file('lib/base/x.ts', text);
      expect([...promises(one), ...strangersWords(one, new Set(['README.md']))]).toHaveLength(1);
    },
  );
});

describe('tests', () => {
  const folders = new Set(
    [...product, ...around].flatMap(({ path }) => {
      const parts = path.split('/').slice(0, -1);
      return parts.map((_, at) => parts.slice(0, at + 1).join('/'));
    }),
  );

  it('lie where what they test lies', () => {
    expect(faultsOf(tests, ({ path }) => misplacedTest(path, folders))).toEqual([]);
  });

  it('would notice a test of a folder that is gone', () => {
    expect(misplacedTest('test/lib/gone/x.test.ts', folders)).toHaveLength(1);
    expect(misplacedTest('test/lib/store/x.test.ts', folders)).toEqual([]);
  });

  it('keep examples/mnist to one program, as its reader expects', () => {
    const programs = pathsOf(around).filter((path) => /^examples\/mnist\/.*(?<!\.test)\.ts$/.test(path));
    expect(programs).toEqual(['examples/mnist/train.ts']);
  });
});

describe('documents', () => {
  const packageJson: { readonly scripts: object } = JSON.parse(textOf('package.json'));
  const cli = filesUnder(['cli'], ['.ts']).map(({ text }) => text);
  const spelled = (pattern: RegExp): string[] =>
    cli.flatMap((text) => [...text.matchAll(pattern)].map(([, word = '']) => word));
  const typable: Typable = {
    commands: new Set(spelled(/\.command\('([a-z-]+)'/g)),
    options: new Set(['--help', ...spelled(/(?<=['\s,])(--[a-z][a-z-]*)/g)]),
    scripts: new Set(Object.keys(packageJson.scripts)),
  };
  const tree = {
    exists: (path: string) => existsSync(join(root, path)),
    anchors: (path: string) => anchorsOf(textOf(path)),
  };
  const code = product.map(({ text }) => codeOf(text)).join('\n');

  it.each([
    'README.md',
    'ARCHITECTURE.md',
    'CHANGELOG.md',
    'LICENSE',
    'docs/glossary.md',
    'docs/trainer-protocol.md',
  ])('%s is there', (path) => expect(tree.exists(path)).toBe(true));

  it('link to what exists', () => {
    expect(faultsOf(documents, (one) => deadLinks(one, tree))).toEqual([]);
  });

  it('would notice a dead link and a dead anchor', () => {
    const doc = file(
      'docs/x.md',
      '[a](../README.md) [b](gone.md) [c](#gone) [d](https://example.org)\n# Here\n[e](#here)',
    );
    expect(
      deadLinks(doc, { exists: (path) => path !== 'docs/gone.md', anchors: () => new Set(['here']) }),
    ).toEqual(['gone.md leads nowhere', '#gone leads nowhere']);
  });

  it('knows what a person can type', () => {
    for (const command of [
      'demo',
      'worker',
      'submit',
      'ls',
      'show',
      'why',
      'logs',
      'watch',
      'pause',
      'resume',
    ])
      expect(typable.commands).toContain(command);
    for (const option of ['--json', '--store', '--save-every', '--no-notice'])
      expect(typable.options).toContain(option);
  });

  it('show commands that can be typed', () => {
    expect(faultsOf(documents, ({ text }) => unknownCommands(text, typable))).toEqual([]);
  });

  it('agree with messages and comments, which advise only what can be typed', () => {
    expect(faultsOf(product, ({ text }) => unknownCommands(adviceIn(text), typable))).toEqual([]);
    expect(unknownCommands(adviceIn('`run \\`holdfast frobnicate ${job}\\` then`'), typable)).toHaveLength(1);
  });

  it.each([
    ['`holdfast frobnicate`', /no command holdfast frobnicate/],
    ['`holdfast submit --wrong`', /no option --wrong/],
    ['```sh\nnpm run nothing\n```', /no script nothing/],
    ['```sh\nnpm ci && npm run nothing # x\n```', /no script nothing/],
  ])('would notice what nobody can type: %s', (text, fault) => {
    expect(unknownCommands(text, typable).join()).toMatch(fault);
  });

  it('ARCHITECTURE.md shows the very arrows that are enforced', () => {
    const rows = tableRows(textOf('ARCHITECTURE.md'), 'May import').map(([folder = '', targets = '']) => [
      codeSpans(folder)[0],
      codeSpans(targets),
    ]);
    expect(Object.fromEntries(rows)).toEqual(mayImport);
  });

  it('ARCHITECTURE.md names every folder', () => {
    const folders = new Set(product.map(({ path }) => path.split('/').slice(0, -1).join('/')));
    const missing = [...folders].filter((folder) => !textOf('ARCHITECTURE.md').includes(`\`${folder}\``));
    expect(missing).toEqual([]);
  });

  it('ARCHITECTURE.md names only files that are there', () => {
    const paths = codeSpans(textOf('ARCHITECTURE.md')).filter((span) => /^[a-z]+\/[\w./-]+\.ts$/.test(span));
    expect(paths.length).toBeGreaterThan(30);
    expect(paths.filter((path) => !tree.exists(path))).toEqual([]);
  });

  it('ARCHITECTURE.md names only rules that are there', () => {
    const [, rules = ''] = textOf('ARCHITECTURE.md').split('## What must hold');
    const names = codeSpans(rules).filter((span) => /^[a-z]+[A-Z]\w+$|^[A-Z]\w+Error$/.test(span));
    expect(names.length).toBeGreaterThan(5);
    expect(names.filter((name) => !isInCode(name))).toEqual([]);
  });

  it('ARCHITECTURE.md tells which folders are pure', () => {
    for (const folder of pureFolders)
      expect(textOf('ARCHITECTURE.md')).toMatch(new RegExp(`pure[^\n]*\`${folder}\``));
  });

  it('every word of the glossary has its name in the code', () => {
    const rows = tableRows(textOf('docs/glossary.md'), 'In code');
    const names = rows.flatMap((cells) => codeSpans(cells.at(-1) ?? ''));
    expect(rows.length).toBeGreaterThan(60);
    expect(names.filter((name) => !isInCode(name))).toEqual([]);
    expect(isInCode('frobnicate')).toBe(false);
  });

  function isInCode(name: string): boolean {
    if (name.includes('/')) return tree.exists(name);
    return new RegExp(`(?<![\\w])${name.replace(/[.*+?^${'$'}{}()|[\]\\]/g, String.raw`\$&`)}(?![\\w])`).test(
      code,
    );
  }

  it('decisions are numbered without a gap, short, and of one form', () => {
    const decisions = documents.filter(({ path }) => /^docs\/adr\/\d{4}-/.test(path));
    expect(decisions.length).toBeGreaterThan(0);
    decisions.forEach(({ path, text }, at) => {
      expect(path).toContain(`/${String(at + 1).padStart(4, '0')}-`);
      expect(text.split('\n').length).toBeLessThanOrEqual(61);
      for (const heading of [
        'Context',
        'Decision',
        'Rejected',
        'Consequences',
        'How we would know it was wrong',
      ])
        expect(text).toContain(`\n## ${heading}\n`);
    });
  });

  it('CHANGELOG.md has a place for what is not released', () => {
    expect(textOf('CHANGELOG.md')).toContain('\n## [Unreleased]\n');
  });
});
