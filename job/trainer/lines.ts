import type { Readable } from 'node:stream';

/** A longer line is cut: a program that never ends a line must not fill memory. */
const lineCharsMax = 64 * 1024;

/** Calls `onLine` for each line of a text stream; the last one needs no newline. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line.slice(0, lineCharsMax));
    if (rest.length > lineCharsMax) {
      onLine(rest.slice(0, lineCharsMax));
      rest = '';
    }
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}
