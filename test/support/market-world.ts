import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../lib/base/clock.ts';
import { deferred } from '../../lib/base/deferred.ts';
import { silentLog } from '../../lib/base/log.ts';
import { systemRandom } from '../../lib/base/random.ts';
import type { MarketEvent } from '../../local/market-event.ts';
import type { SpotMarketOptions } from '../../local/market-options.ts';
import { SpotMarket } from '../../local/spot-market.ts';

type EventOf<Kind extends MarketEvent['kind']> = Extract<MarketEvent, { kind: Kind }>;

/** Everything that a market told, and a way to wait for the next thing. */
export class EventTape {
  readonly events: MarketEvent[] = [];
  #changed = deferred();

  readonly record = (event: MarketEvent): void => {
    this.events.push(event);
    this.#changed.resolve();
    this.#changed = deferred();
  };

  all<Kind extends MarketEvent['kind']>(kind: Kind): ReadonlyArray<EventOf<Kind>> {
    return this.events.filter((event): event is EventOf<Kind> => event.kind === kind);
  }

  /** The nth event of a kind, as soon as it is there. */
  async nth<Kind extends MarketEvent['kind']>(kind: Kind, nth: number): Promise<EventOf<Kind>> {
    for (;;) {
      const found = this.all(kind)[nth - 1];
      if (found !== undefined) return found;
      await this.#changed.promise;
    }
  }
}

export interface MarketWorld extends AsyncDisposable {
  readonly market: SpotMarket;
  readonly tape: EventTape;
  /** Where workers leave files (`OUT` in their environment). */
  readonly outDir: string;
  readonly instancesDir: string;
  /** The processes that reported their id in `outDir` by a file named `pid-<id>`. */
  reportedPids(): readonly number[];
}

/** A started market of real processes, whose workers run `script` in Node. */
export function marketWorld(script: string, options: Partial<SpotMarketOptions> = {}): MarketWorld {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-market-'));
  const outDir = mkdtempSync(join(tmpdir(), 'holdfast-out-'));
  const tape = new EventTape();
  const market = new SpotMarket({
    dir,
    workers: 1,
    command: [process.execPath, '-e', script],
    environment: { OUT: outDir },
    noticeMs: 1_000,
    bootMs: 0,
    clock: systemClock,
    // The processes of an instance are found by its id: no two tests may draw the same.
    random: systemRandom,
    log: silentLog,
    onEvent: tape.record,
    ...options,
  });
  market.start();
  return {
    market,
    tape,
    outDir,
    instancesDir: dir,
    reportedPids: () =>
      readdirSync(outDir)
        .filter((name) => name.startsWith('pid-'))
        .map((name) => Number(readFileSync(join(outDir, name), 'utf8'))),
    async [Symbol.asyncDispose]() {
      await market[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
      rmSync(outDir, { recursive: true, force: true });
    },
  };
}

/** Scripts of workers. Each may be followed by another statement. */
export const workerScripts = {
  /** Writes its own id to `$OUT/pid-<id>`: whole at once, since a reader may look at any time. */
  report: `
    const fs = require('node:fs');
    const report = (pid) => {
      fs.writeFileSync(process.env.OUT + '/draft-' + pid, String(pid));
      fs.renameSync(process.env.OUT + '/draft-' + pid, process.env.OUT + '/pid-' + pid);
    };
    report(process.pid);`,
  /** Lives until it is killed, and ignores what can be ignored. */
  stay: `
    process.on('SIGTERM', () => {});
    setInterval(() => {}, 1000);`,
  /** Starts a child in the same process group and one in a group of its own, as supervisors do with trainers. */
  family: `
    const { spawn } = require('node:child_process');
    for (const detached of [false, true]) {
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached, stdio: 'ignore' });
      child.unref();
      report(child.pid);
    }`,
} as const;
