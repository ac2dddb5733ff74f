import pico from 'picocolors';

export type Colors = ReturnType<typeof pico.createColors>;

/** Version of every JSON document that a command prints. A field may be added without a new version, never changed or removed. */
const schemaVersion = 1;

/** Where text goes and what is there: the process's own streams, or a test's. */
export interface Streams {
  writeOut(text: string): void;
  writeErr(text: string): void;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Columns of the terminal; 80 where there is none. */
  readonly columns: number;
}

/** Data on stdout, talk on stderr. */
export interface Terminal {
  readonly json: boolean;
  /** A person watches stdout: the screen may be redrawn. */
  readonly isInteractive: boolean;
  readonly columns: number;
  /** For lines on stdout. */
  readonly colors: Colors;
  /** One line of data. */
  print(line?: string): void;
  /** One JSON document of data on one line, with its schema version; for `--json`. */
  printJson(document: object): void;
  /** One line of talk. */
  say(line: string): void;
  /** A hint about what to do next: talk, but not to a program. */
  suggest(line: string): void;
  /** Raw text for a screen that is redrawn; only where `isInteractive`. */
  draw(text: string): void;
}

export function openTerminal(
  streams: Streams,
  options: { readonly json: boolean; readonly env: Readonly<Record<string, string | undefined>> },
): Terminal {
  const { json, env } = options;
  const colors = pico.createColors(isColoured(streams.outIsTerminal, env));
  return {
    json,
    isInteractive: streams.outIsTerminal && !json && env['TERM'] !== 'dumb',
    columns: streams.columns,
    colors,
    print: (line = '') => streams.writeOut(`${line}\n`),
    printJson: (document) => streams.writeOut(`${JSON.stringify({ schemaVersion, ...document })}\n`),
    say: (line) => streams.writeErr(`${line}\n`),
    suggest: (line) => {
      if (!json) streams.writeErr(`${line}\n`);
    },
    draw: (text) => streams.writeOut(text),
  };
}

/** https://no-color.org and https://force-color.org, else only a terminal that is not dumb. */
function isColoured(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false;
  if ((env['FORCE_COLOR'] ?? '') !== '' && env['FORCE_COLOR'] !== '0') return true;
  return isTerminal && env['TERM'] !== 'dumb';
}
