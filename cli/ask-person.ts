import { createInterface } from 'node:readline/promises';

/**
 * Asks a question that only `y` or `yes` agrees to. Undefined where nobody can be asked: a program, a pipe or a test runner
 * has the keyboard.
 */
export async function askPerson(question: string, signal?: AbortSignal): Promise<boolean | undefined> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `, signal === undefined ? {} : { signal });
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
