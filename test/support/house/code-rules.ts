import { codeOf, type SourceFile } from './source-tree.ts';
import { homeOf } from './layers.ts';

const linesMax = 300;

export function tooLong({ text }: SourceFile): readonly string[] {
  const lines = text.replace(/\n$/, '').split('\n').length;
  return lines <= linesMax ? [] : [`${lines} lines; ${linesMax} is the limit`];
}

/** Time and chance are dependencies: `Clock` and `Random` of lib/base are the only places that read the real ones. */
const timeAndChance: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bDate\.now\b/, 'Date.now'],
  [/\bnew Date\(\s*\)/, 'new Date()'],
  [/\bperformance\.now\b/, 'performance.now'],
  [/\bMath\.random\b/, 'Math.random'],
  [/(?<![\w.])set(?:Timeout|Interval)\(/, 'setTimeout or setInterval'],
  [
    /import\s*\{[^}]*\bset(?:Timeout|Interval)\b[^}]*\}\s*from\s*'(?:node:)?timers(?:\/promises)?'/,
    'setTimeout of node:timers',
  ],
];

/** The one place that answers for `Math.random`: user programs and TensorFlow.js call it, and must draw from our streams. */
const owners: Readonly<Record<string, readonly string[]>> = {
  'Math.random': ['lib/training/random-streams.ts'],
};

export function uninjectedTimeOrChance({ path, text }: SourceFile): readonly string[] {
  if (homeOf(path) === 'lib/base') return [];
  const code = codeOf(text);
  return timeAndChance
    .filter(([pattern, name]) => pattern.test(code) && !(owners[name] ?? []).includes(path))
    .map(([, name]) => `${name} outside lib/base; take a Clock or Random instead`);
}

/** What is not done is not written down as done: no promises in the code. */
export function promises({ text }: SourceFile): readonly string[] {
  return [...text.matchAll(/\b(?:TO(?:DO)|FIX(?:ME)|X{3}|HA(?:CK))\b/g)].map(
    ([word]) => `${word} in the text`,
  );
}

/**
 * The project speaks of itself alone: no place on somebody's machine, no numbers of a tracker that a reader does not have,
 * no document that is not here.
 */
export function strangersWords({ text }: SourceFile, documents: ReadonlySet<string>): readonly string[] {
  const places = [...text.matchAll(/(?<![\w.:/])\/(?:home|Users)\/[\w.-]+|\.\.\/shared\/[\w.-]+/g)];
  const numbers = [...text.matchAll(/\b(?:issue|pull request|PR) #?\d+\b|\bco-authored-by\b/gi)];
  const named = [...text.matchAll(/(?<![\w*<>{}-])([\w-][\w./-]*\.md)\b/g)];
  return [
    ...[...places, ...numbers].map(([words]) => `\`${words}\` means nothing outside of somebody's desk`),
    ...named
      .filter(([, name = '']) => !documents.has(name.replace(/^(?:\.\.?\/)+/, '')))
      .map(([, name]) => `there is no ${name}`),
  ];
}

/** A test lies where what it tests lies: test/lib/store/x.test.ts is about lib/store. */
export function misplacedTest(path: string, sourceFolders: ReadonlySet<string>): readonly string[] {
  if (!path.endsWith('.test.ts')) return [];
  const folder = path.split('/').slice(1, -1).join('/');
  const isApart =
    folder === '' ||
    /^(?:support|programs|golden|moto|native|simulation|proof\/end-to-end)(?:\/|$)/.test(folder);
  return isApart || sourceFolders.has(folder) ? [] : [`there is no folder ${folder} that it could test`];
}
