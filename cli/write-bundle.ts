import { writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { UsageError } from '../lib/base/errors.ts';
import { parseNameValues } from '../lib/client/name-value.ts';
import { prepareProgram } from '../lib/client/prepare-program.ts';
import { exitCodes } from '../lib/contract/exit-codes.ts';
import type { CliContext } from './context.ts';

export interface WriteBundleOptions {
  /** The program's file. */
  readonly program: string;
  /** Parameters to check, and to put into the message that is suggested. */
  readonly set: readonly string[];
  /** Where the bundle goes; a file that is there is replaced. */
  readonly to: string;
}

/** Writes what a worker can run, checked, for whoever queues jobs by messages of their own. Queues nothing. */
export async function writeBundle(context: CliContext, options: WriteBundleOptions): Promise<number> {
  const { cwd, terminal } = context;
  const { program, set, to } = options;
  const file = resolve(cwd, to);
  if (file === resolve(cwd, program)) {
    throw new UsageError('the bundle would replace its own program.', {
      facts: { file },
      hint: 'Give it another name, as --bundle program.mjs.',
    });
  }
  const { bundle, params, warnings } = await prepareProgram({
    file: program,
    cwd,
    set: parseNameValues(set, '--set'),
  });
  for (const warning of warnings) terminal.say(`warning: ${warning}`);
  await writeFile(file, bundle.code);
  if (terminal.json) terminal.printJson({ file, sha256: bundle.sha256, params, warnings });
  else terminal.print(to);
  // Workers of a fleet may read a program of their bucket below this prefix alone.
  const message = JSON.stringify({ format: 1, program: `s3://BUCKET/programs/${basename(file)}`, params });
  terminal.suggest(`Nothing was queued. Where the file is in the bucket, this message is a job: ${message}`);
  return exitCodes.ok;
}
