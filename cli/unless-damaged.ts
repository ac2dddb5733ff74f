import { CorruptionError } from '../lib/base/errors.ts';
import { exitCodes } from '../lib/contract/exit-codes.ts';
import type { Terminal } from './terminal.ts';
import { printError } from './print-error.ts';

/** For commands that read checkpoints: damage is a check that failed, not an error of theirs, and ends them with 6. */
export async function unlessDamaged(terminal: Terminal, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    printError(terminal, error);
    return exitCodes.checkFailed;
  }
}
