import { createInterface } from 'node:readline/promises';

/**
 * Asks a question that only `y` or `yes` agrees to. Undefined where nobody can be asked: a program, a pipe or a test runner
 * has the keyboard.
 */
export async function askPerson(question: string, signal?: AbortSignal): Promise<boolean | undefined> {
  const answer = await askForLine(`${question} [y/N]`, signal);
  return answer === undefined ? undefined : /^y(?:es)?$/i.test(answer);
}

/** Asks for a line of text; empty at the end of the input, undefined where nobody can be asked. */
export async function askForLine(question: string, signal?: AbortSignal): Promise<string | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // While a line is read the terminal gives Ctrl-C to the reader, not to the process.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    return (await lines.question(`${question} `, signal === undefined ? {} : { signal })).trim();
  } catch (error) {
    // Ctrl-D ends the question with an error of its own.
    if (signal?.aborted !== true && error instanceof Error && error.name === 'AbortError') return '';
    throw error;
  } finally {
    lines.close();
  }
}
