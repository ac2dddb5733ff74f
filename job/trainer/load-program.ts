import { pathToFileURL } from 'node:url';
import { UserProgramError } from '../../lib/base/errors.ts';
import type { Program, Training } from '../../lib/training/define-training.ts';

/** Where a bundled program finds the host's one instance of TensorFlow.js and of `holdfast/training`. */
export interface HostModules {
  readonly tf: object;
  readonly training: object;
}

/**
 * Imports a bundled program. The backend must be open: a program may make tensors as soon as it is imported.
 * @throws UserProgramError when its default export is no program; whatever the program throws at import
 */
export async function loadProgram(path: string, modules: HostModules): Promise<Program<unknown, unknown>> {
  Object.defineProperty(globalThis, Symbol.for('holdfast.host'), { value: modules, configurable: true });
  // Frames of stacks then name the user's own files.
  process.setSourceMapsEnabled(true);
  // A stack that ends inside TensorFlow.js does not tell which line of the program called it.
  Error.stackTraceLimit = 50;
  const loaded: unknown = await import(pathToFileURL(path).href);
  const program: unknown =
    typeof loaded === 'object' && loaded !== null && 'default' in loaded ? loaded.default : undefined;
  if (!isProgram(program)) {
    throw new UserProgramError('the default export of the program has no `setup`.', {
      hint: 'Write `export default defineTraining({ … })` in the program file.',
    });
  }
  return program;
}

/** @throws UserProgramError when what `setup` returned cannot be trained */
export function checkedTraining(returned: unknown): Training<unknown> {
  if (isTraining(returned)) return returned;
  throw new UserProgramError('`setup` must return an object with `state`, `until` and `step`.');
}

function isProgram(value: unknown): value is Program<unknown, unknown> {
  return typeof value === 'object' && value !== null && 'setup' in value && typeof value.setup === 'function';
}

function isTraining(value: unknown): value is Training<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  if (!('state' in value && 'until' in value && 'step' in value)) return false;
  const { state, until, step } = value;
  return (
    typeof state === 'object' &&
    state !== null &&
    typeof until === 'object' &&
    until !== null &&
    typeof step === 'function'
  );
}
