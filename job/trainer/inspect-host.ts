import { Console } from 'node:console';
import { HoldfastError, UsageError } from '../../lib/base/errors.ts';
import { parseJson } from '../../lib/base/parse-json.ts';
import { exitCodes, workerExitCodes } from '../../lib/contract/exit-codes.ts';
import { openBackend } from '../../lib/tfjs/backend.ts';
import * as trainingModule from '../../lib/training.ts';
import { defaultParams, isSchema, type Overrides, resolveParams } from '../../lib/training/params.ts';
import { failureOf } from './failure.ts';
import { loadProgram } from './load-program.ts';
import { withoutNewListeners } from './without-new-listeners.ts';

/**
 * `--inspect PROGRAM.mjs [--set JSON]`: imports a program without setting it up, checks the values for its parameters,
 * and prints one JSON object as the last line of stdout. Returns the exit code: 2 where a value does not fit.
 */
export async function inspectHost(args: readonly string[]): Promise<number> {
  const [path = '', flag, json] = args;
  // What a program prints while it is imported must not be taken for the answer.
  globalThis.console = new Console(process.stderr);
  try {
    const { tf } = await withoutNewListeners(() => openBackend());
    const program = await loadProgram(path, { tf, training: trainingModule });
    const overrides = flag === '--set' ? parseOverrides(json ?? '') : {};
    resolveParams(program.params, overrides);
    print({
      params: defaultParams(program.params),
      schema: isSchema(program.params),
      seed: program.seed ?? 1,
      inputs: program.inputs ?? {},
    });
    return exitCodes.ok;
  } catch (error) {
    const failure = failureOf(error, path, 0);
    print({ error: failure });
    process.stderr.write(`${failure.stack ?? failure.message}\n${failure.hint ?? ''}\n`);
    if (error instanceof UsageError) return exitCodes.usage;
    return error instanceof HoldfastError ? exitCodes.error : workerExitCodes.fault;
  }
}

function parseOverrides(json: string): Overrides {
  let value: unknown;
  try {
    value = parseJson(json);
  } catch (cause) {
    throw new UsageError('the value of --set is not JSON.', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError('the value of --set is not a JSON object.');
  return { ...value };
}

function print(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
