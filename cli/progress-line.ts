import type { Clock } from '../lib/base/clock.ts';
import type { CliContext } from './context.ts';
import { formatBytes } from './format.ts';

/** More often than this nobody can read it. */
const everyMs = 100;

/** A line of progress below everything else, on a terminal only. It is talk, so on stderr. */
export class ProgressLine {
  readonly #context: CliContext;
  readonly #clock: Clock;
  #shownAtMs = -Infinity;

  constructor(context: CliContext) {
    this.#context = context;
    this.#clock = context.clock;
  }

  show(doing: string, done: { readonly bytes: number; readonly of: number }): void {
    if (!this.#isShown()) return;
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#shownAtMs < everyMs) return;
    this.#shownAtMs = nowMs;
    const { bytes, of } = done;
    const percent = of === 0 ? 100 : Math.floor((100 * bytes) / of);
    const text = `${doing}: ${formatBytes(bytes)} of ${formatBytes(of)} (${percent} %)`;
    this.#context.streams.writeErr(`\r\u001B[K${text.slice(0, this.#context.streams.columns - 1)}`);
  }

  /** Takes the line away; what is printed next begins where it stood. */
  end(): void {
    if (this.#shownAtMs !== -Infinity) this.#context.streams.writeErr('\r\u001B[K');
    this.#shownAtMs = -Infinity;
  }

  #isShown(): boolean {
    const { streams, terminal, env } = this.#context;
    return streams.errIsTerminal && !terminal.json && env['TERM'] !== 'dumb';
  }
}
