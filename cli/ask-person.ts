import { once } from 'node:events';
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
  const over = new AbortController();
  const asked = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
  try {
    const ended = once(lines, 'close', { signal: over.signal }).then(
      () => '',
      // The line came first.
      () => '',
    );
    const answer = await Promise.race([lines.question(`${question} `, { signal: asked }), ended]);
    return answer.trim();
  } finally {
    over.abort();
    lines.close();
  }
}
