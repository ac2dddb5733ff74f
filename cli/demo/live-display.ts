import type { Clock } from '../../lib/base/clock.ts';
import { formatNumber } from '../format.ts';
import type { Terminal } from '../terminal.ts';
import type { Look } from '../../proof/rehearsal/job-watcher.ts';

const barColumns = 30;
/** Without a terminal a line of progress comes this often. */
const plainEveryMs = 10_000;

/** What the demo shows while it runs: events as lines, progress below them on a terminal. All of it is talk, so on stderr. */
export class LiveDisplay {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  #title = '';
  #shownAtMs = -Infinity;

  constructor(terminal: Terminal, clock: Clock) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#startedAtMs = clock.monotonicMs();
  }

  get elapsedMs(): number {
    return Math.round(this.#clock.monotonicMs() - this.#startedAtMs);
  }

  /** A new part of the demo begins. */
  begin(title: string): void {
    this.#title = title;
    this.tell(title);
  }

  tell(event: string): void {
    this.#clearLine();
    this.#terminal.say(`${this.#time()}  ${event}`);
  }

  progress({ state, heartbeat }: Look): void {
    const nowMs = this.#clock.monotonicMs();
    const text = progressText(this.#title, heartbeat, state.status);
    if (this.#terminal.isInteractive) {
      this.#terminal.draw(`\r\u001B[K${this.#time()}  ${text}`.slice(0, this.#terminal.columns + 4));
      this.#shownAtMs = nowMs;
    } else if (nowMs - this.#shownAtMs >= plainEveryMs) {
      this.#terminal.say(`${this.#time()}    ${text}`);
      this.#shownAtMs = nowMs;
    }
  }

  end(): void {
    this.#clearLine();
  }

  #clearLine(): void {
    if (this.#terminal.isInteractive) this.#terminal.draw('\r\u001B[K');
  }

  #time(): string {
    return `${(this.elapsedMs / 1_000).toFixed(1).padStart(6)} s`;
  }
}

function progressText(title: string, heartbeat: Look['heartbeat'], status: string): string {
  if (heartbeat === undefined) return `${title}: ${status}`;
  const { step, total, loss, epoch, phase } = heartbeat;
  const share = total === undefined || total === 0 ? 0 : Math.min(1, step / total);
  const filled = Math.round(share * barColumns);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(barColumns - filled)}`;
  const shownLoss = loss === null ? '' : ` · loss ${formatNumber(loss)}`;
  return `${bar} step ${step}${total === undefined ? '' : `/${total}`} · ${epoch} epochs done${shownLoss} · ${phase}`;
}
