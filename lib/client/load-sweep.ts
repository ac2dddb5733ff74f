import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { isMissing } from '../base/file-errors.ts';
import { messageOf, UsageError } from '../base/errors.ts';
import { parseJson as parseText } from '../base/parse-json.ts';
import { type SweepDocument, sweepSchema } from '../contract/sweep-document.ts';
import { type ForkOrigin, isFixedName, parseForkOrigin } from './fork-origin.ts';
import { nameOfFile } from './job-name.ts';

/** A sweep that was read from a file. */
export interface Sweep {
  readonly document: SweepDocument & { readonly name: string };
  /** What every point is forked from; undefined where points begin afresh. */
  readonly from: ForkOrigin | undefined;
  /** Paths in the document are relative to this. */
  readonly folder: string;
}

/**
 * Reads the file of a sweep.
 * @throws UsageError that names the file, the place in it and what is wrong there
 */
export async function loadSweep(file: string, cwd: string): Promise<Sweep> {
  const path = resolve(cwd, file);
  const result = sweepSchema.safeParse(parseJson(await readText(path, file), file));
  if (!result.success) {
    const faults = result.error.issues.map((issue) => {
      const place = issue.path.map(String).join('.');
      return `  - ${place === '' ? 'the document' : place}: ${issue.message}`;
    });
    throw new UsageError([`${file} is not a sweep:`, ...faults].join('\n'));
  }
  const { data } = result;
  return {
    document: { ...data, name: data.name ?? nameOfFile(path) },
    from: data.from === undefined ? undefined : originIn(data.from, file),
    folder: dirname(path),
  };
}

async function readText(path: string, file: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) throw new UsageError(`there is no file ${file}.`, { cause });
    throw new UsageError(`${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function parseJson(text: string, file: string): unknown {
  try {
    return parseText(text);
  } catch (cause) {
    throw new UsageError(`${file} is not JSON: ${messageOf(cause)}`, { cause });
  }
}

/** Points that are added later must begin where the others did. */
function originIn(from: string, file: string): ForkOrigin {
  const origin = parseForkOrigin(from);
  if (isFixedName(origin.checkpoint)) return origin;
  throw new UsageError(
    `${file} is not a sweep:\n  - from: ${from} means another checkpoint after the next save`,
    {
      hint: `Name one that stays: \`${origin.jobId}@step120\`; \`holdfast checkpoints ls ${origin.jobId}\` lists them.`,
    },
  );
}
