import { posix } from 'node:path';
import type { SourceFile } from './source-tree.ts';

/** The text without fenced code. */
function proseOf(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, '');
}

/** Code blocks of a document: language and text. */
export function codeBlocks(
  text: string,
): ReadonlyArray<{ readonly language: string; readonly code: string }> {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```/gm)].map(([, language = '', code = '']) => ({
    language,
    code,
  }));
}

/** The anchor that a heading gets, as GitHub makes it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

export function anchorsOf(text: string): ReadonlySet<string> {
  return new Set([...proseOf(text).matchAll(/^#+\s+(.+)$/gm)].map(([, heading = '']) => anchorOf(heading)));
}

/** Links of a document that lead nowhere. `exists` knows files and folders; `anchors` the headings of a document. */
export function deadLinks(
  { path, text }: SourceFile,
  tree: {
    readonly exists: (path: string) => boolean;
    readonly anchors: (path: string) => ReadonlySet<string>;
  },
): readonly string[] {
  const links = [...proseOf(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links
    .filter((link) => !/^[a-z]+:/i.test(link))
    .filter((link) => {
      const [file = '', anchor] = link.split('#', 2);
      const target = file === '' ? path : posix.join(posix.dirname(path), file);
      if (!tree.exists(target)) return true;
      return anchor !== undefined && target.endsWith('.md') && !tree.anchors(target).has(anchor);
    })
    .map((link) => `${link} leads nowhere`);
}

/** What a person can type: commands of the CLI with their options, and scripts of the package. */
export interface Typable {
  readonly commands: ReadonlySet<string>;
  readonly options: ReadonlySet<string>;
  readonly scripts: ReadonlySet<string>;
}

/**
 * What a source file advises to type, as code spans. Inside a template the backticks are escaped, and what is filled in
 * stands for one word.
 */
export function adviceIn(text: string): string {
  const quoted = text.matchAll(/(\\?)`((?:npx )?holdfast [^`\n]*?|npm run [^`\n]*?)\1`/g);
  return [...quoted].map(([, , words = '']) => `\`${words.replace(/\$\{[^}]*\}/g, ' JOB')}\``).join('\n');
}

/** Words of npm itself that a document may show. */
const npmWords = new Set(['ci', 'install', 'test']);

/** Commands in a text that nobody could type: `holdfast X` and `npm run X`, in code spans and in shell blocks. */
export function unknownCommands(text: string, typable: Typable): readonly string[] {
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  const blocks = codeBlocks(text)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ code }) => code.replace(/\\\n/g, ' ').split('\n'));
  return [...spans, ...blocks].flatMap((line) => commandFaults(line.replace(/(?:^|\s)#.*$/, ''), typable));
}

function commandFaults(line: string, { commands, options, scripts }: Typable): readonly string[] {
  return line.split(/&&|;|\|/).flatMap((part) => {
    const words = part
      .trim()
      .replace(/^\$\s*/, '')
      .split(/\s+/);
    const at = words[0] === 'npx' ? 1 : 0;
    if (words[0] === 'npm') {
      const [word = '', script = ''] = words.slice(1).filter((one) => !one.startsWith('-'));
      if (word !== 'run') return npmWords.has(word) ? [] : [`npm ${word} is not for this package`];
      return scripts.has(script) ? [] : [`there is no script ${script}`];
    }
    if (words[at] !== 'holdfast') return [];
    const own = words.slice(at + 1, words.includes('--') ? words.indexOf('--') : undefined);
    const command = own.find((word) => !word.startsWith('-'));
    const isKnown = command === undefined || !/^[a-z]/.test(command) || commands.has(command);
    const unknown = own.filter((word) => word.startsWith('--')).map((word) => word.split('=')[0] ?? '');
    return [
      ...(isKnown ? [] : [`there is no command holdfast ${command}`]),
      ...unknown.filter((option) => !options.has(option)).map((option) => `there is no option ${option}`),
    ];
  });
}

/** The rows of every table whose header has this column, as cells. */
export function tableRows(text: string, column: string): readonly (readonly string[])[] {
  const lines = text.split('\n');
  const headers = lines.flatMap((line, at) => (cellsOf(line).includes(column) ? [at] : []));
  return headers.flatMap((header) => {
    const below = lines.slice(header + 2);
    const end = below.findIndex((line) => !line.startsWith('|'));
    return below.slice(0, end === -1 ? undefined : end).map(cellsOf);
  });
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

/** What stands in backticks. */
export function codeSpans(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span);
}
