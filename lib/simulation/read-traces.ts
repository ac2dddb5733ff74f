import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { NotFoundError, UsageError } from '../base/errors.ts';
import { type OnesMean, parseTrace } from './parse-trace.ts';
import type { Trace } from './trace.ts';

/** A folder of recordings may hold their licence and notes as well. */
const endings: ReadonlySet<string> = new Set(['.json', '.csv', '.txt']);
/** A thousand slots for a day each; more is a wrong folder. */
const filesMax = 10_000;
/** A year of seconds in JSON; more is no recording. */
const bytesMax = 128 * 1024 * 1024;

export interface ReadTraces {
  readonly traces: readonly Trace[];
  /** How files were understood where that was a choice, each once. */
  readonly notes: readonly string[];
}

/**
 * The traces of files and of folders (with what lies below them), in order of name.
 * @throws NotFoundError for a path that does not exist, UsageError for one that is no recording, naming file and line
 */
export async function readTraces(
  paths: readonly string[],
  how: { readonly ones?: OnesMean | undefined } = {},
): Promise<ReadTraces> {
  const files = (await Promise.all(paths.map(filesAt))).flat();
  if (files.length === 0)
    throw new NotFoundError('there is no recording here.', {
      facts: { paths: paths.join(', ') },
      hint: 'Recordings end in .json, .csv or .txt.',
    });
  if (files.length > filesMax)
    throw new UsageError(`${files.length} recordings are more than the ${filesMax} that are read at once.`);
  const traces: Trace[] = [];
  const notes = new Set<string>();
  for (const { path, name } of files) {
    const parsed = parseTrace({ name, text: await readFile(path, 'utf8') }, how.ones);
    traces.push(...parsed.traces);
    if (parsed.note !== undefined) notes.add(parsed.note);
  }
  return { traces, notes: [...notes] };
}

interface FoundFile {
  readonly path: string;
  /** For people: as short as it may be. */
  readonly name: string;
}

async function filesAt(path: string): Promise<readonly FoundFile[]> {
  const found = await stat(path).catch((error: unknown) => {
    throw new NotFoundError('there is no such recording.', { facts: { path }, cause: error });
  });
  if (found.isFile()) {
    if (found.size > bytesMax)
      throw new UsageError(`${path} is larger than the ${bytesMax} bytes of a recording.`);
    return [{ path, name: basename(path) }];
  }
  const below = await readdir(path, { recursive: true, withFileTypes: true });
  return below
    .filter((entry) => entry.isFile() && endings.has(/\.[^.]*$/.exec(entry.name)?.[0] ?? ''))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
    .map((file) => ({ path: file, name: relative(path, file) }));
}
