/** Lines of the program's own errors that are kept for the journal. */
const linesMax = 20;

/** What a trainer wrote to its standard error last: often the only trace of why it died. */
export class LastWords {
  readonly #lines: string[] = [];

  heard(stream: 'out' | 'err', line: string): void {
    if (stream === 'err') this.#lines.push(line);
    if (this.#lines.length > linesMax) this.#lines.shift();
  }

  get lines(): readonly string[] {
    return this.#lines;
  }
}
