import type { CliContext } from './context.ts';

/** More often than this nobody can read it. */
const everyMs = 100;

/** A line that says how much of some work is done, on a terminal only. It is talk, so on stderr. */
export class ShareLine {
  readonly #context: CliContext;
  #shownAtMs = -Infinity;

  constructor(context: CliContext) {
    this.#context = context;
  }

  /** @param share 0 to 1 */
  show(doing: string, share: number): void {
    const { streams, terminal, env, clock } = this.#context;
    if (!streams.errIsTerminal || terminal.json || env['TERM'] === 'dumb') return;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#shownAtMs < everyMs) return;
    this.#shownAtMs = nowMs;
    streams.writeErr(`\r\u001B[K${doing}: ${Math.floor(share * 100)} %`);
  }

  /** Takes the line away; what is printed next begins where it stood. */
  end(): void {
    if (this.#shownAtMs !== -Infinity) this.#context.streams.writeErr('\r\u001B[K');
    this.#shownAtMs = -Infinity;
  }
}
