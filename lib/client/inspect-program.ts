import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError, UserProgramError } from '../base/errors.ts';
import { builtFile } from '../base/package-files.ts';
import { exitCodes } from '../contract/exit-codes.ts';

/** What a program says of itself. */
export interface ProgramInfo {
  /** Parameters with their defaults; null where a schema demands values. */
  readonly params: unknown;
  /** Parameters are parsed by a schema: a default does not tell the type. */
  readonly schema: boolean;
  readonly seed: number;
  /** Default inputs: paths relative to the program's file, or URIs. */
  readonly inputs: Readonly<Record<string, string>>;
}

export interface InspectOptions {
  /** Values to check against the program's parameters. */
  readonly set?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
  /** An import takes seconds; more than this is a program that does its work while it is imported. @default 60000 */
  readonly timeoutMs?: number;
  /** @default the host that comes with this package */
  readonly host?: string;
}

const answerSchema = z.union([
  z.object({
    params: z.unknown(),
    schema: z.boolean(),
    seed: z.int(),
    inputs: z.record(z.string(), z.string()),
  }),
  z.object({
    error: z.object({ message: z.string(), stack: z.string().optional(), hint: z.string().optional() }),
  }),
]);

/**
 * Imports a bundled program in a process of its own, and asks for its parameters; nothing is set up or trained.
 * @throws UsageError when a value of `set` does not fit; names the field
 * @throws UserProgramError when the program cannot be imported; the message has file and line, and ends with the stack
 */
export async function inspectProgram(code: string, options: InspectOptions = {}): Promise<ProgramInfo> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-inspect-'));
  try {
    const path = join(folder, 'program.mjs');
    await writeFile(path, code);
    const { exitCode, output, errors } = await runHost(path, options);
    const answer = parseAnswer(output);
    if (answer === undefined) {
      throw new UserProgramError(`the program ended while it was imported (exit code ${exitCode}).`, {
        hint: errors.trim().split('\n').slice(-5).join('\n') || 'It printed nothing.',
      });
    }
    if (!('error' in answer)) return answer;
    const { message, stack, hint } = answer.error;
    const more = hint === undefined ? {} : { hint };
    if (exitCode === exitCodes.usage) throw new UsageError(message, more);
    throw new UserProgramError(stack === undefined ? message : `${message}\n${stack}`, more);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const defaultTimeoutMs = 60_000;

/** What is kept of a program's own output: enough to see why it died. */
const outputCharsMax = 1_000_000;

interface Finished {
  readonly exitCode: number | null;
  readonly output: string;
  readonly errors: string;
}

function runHost(path: string, options: InspectOptions): Promise<Finished> {
  const { set = {}, signal, timeoutMs = defaultTimeoutMs } = options;
  const host = options.host ?? builtFile('job/trainer/tfjs-host.js');
  const limit = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [host, '--inspect', path, '--set', JSON.stringify(set)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
      killSignal: 'SIGKILL',
    });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-outputCharsMax);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-outputCharsMax);
    });
    child.on('error', (error) => {
      if (!limit.aborted) return reject(error);
      reject(
        new UserProgramError(`the program was not imported within ${timeoutMs / 1_000} s.`, {
          hint: 'Move work from the top of the file into `setup`.',
        }),
      );
    });
    child.on('close', (exitCode) => resolve({ exitCode, output, errors }));
  });
}

/** The answer is the last line; a program may have written others before. */
function parseAnswer(output: string): z.output<typeof answerSchema> | undefined {
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  try {
    return answerSchema.parse(JSON.parse(last));
  } catch {
    return undefined;
  }
}
