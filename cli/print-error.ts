import { HoldfastError, messageOf } from '../lib/base/errors.ts';
import { exitCodes } from '../lib/contract/exit-codes.ts';
import type { Terminal } from './terminal.ts';

const codeByName: Readonly<Record<string, number>> = {
  USAGE: exitCodes.usage,
  NOT_FOUND: exitCodes.notFound,
  ACCESS_DENIED: exitCodes.credentials,
  CONFLICT: exitCodes.conflict,
};

/** Links of a chain of causes that are shown; deeper ones tell an operator nothing more. */
const causesMax = 3;

/** The code that a command ends with because of `error`. */
export function exitCodeOf(error: unknown): number {
  return error instanceof HoldfastError ? (codeByName[error.code] ?? exitCodes.error) : exitCodes.error;
}

/**
 * Says what happened, why, and what to do next: as text on stderr, and with `--json` as one object on stdout as well.
 * Only a fault in Holdfast itself shows a stack.
 */
export function printError(terminal: Terminal, error: unknown): void {
  const isOurs = error instanceof HoldfastError;
  const remedy = isOurs ? error.remedy : 'crash';
  const hint = isOurs ? error.hint : undefined;
  const message = messageOf(error);
  terminal.say(`holdfast: ${message}`);
  for (const cause of causesOf(error)) {
    // A vendor's error that was translated says its own words already.
    if (!message.includes(cause)) terminal.say(`  because: ${cause}`);
  }
  if (remedy === 'crash' && error instanceof Error && error.stack !== undefined) terminal.say(error.stack);
  if (hint !== undefined) terminal.say(`  next: ${hint}`);
  if (terminal.json) {
    terminal.printJson({
      error: { code: isOurs ? error.code : 'UNEXPECTED', remedy, message, hint: hint ?? null },
    });
  }
}

function causesOf(error: unknown): string[] {
  const causes: string[] = [];
  let link = error instanceof Error ? error.cause : undefined;
  while (link !== undefined && link !== null && causes.length < causesMax) {
    causes.push(messageOf(link));
    link = link instanceof Error ? link.cause : undefined;
  }
  return causes;
}
