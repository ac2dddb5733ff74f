import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { builtFile } from '../../../lib/base/package-files.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { type TraceOrders, traceVariable } from './trace-orders.ts';

export interface TracedProcessOptions {
  /** Takes the notes of all processes of one comparison, and no others: `readTraces` reads them together. */
  readonly dir: string;
  /** Give it another working directory, folder for temporary files, time zone, host name, clock and order of directories than this one has. */
  readonly disturbed: boolean;
  /** Which ones: the same seed disturbs alike. */
  readonly seed: number;
}

/** What a trainer process is started with so that it notes what its program asks the machine. */
export interface TracedProcess {
  readonly env: NodeJS.ProcessEnv;
  /** For Node.js, before the script. */
  readonly execArgv: readonly string[];
  /** Undefined: where the trainer would run anyway. */
  readonly cwd: string | undefined;
  /** File with its notes. */
  readonly trace: string;
}

/** Far from each other and from UTC, with offsets of quarters of an hour among them. */
const zones = ['Pacific/Kiritimati', 'America/St_Johns', 'Asia/Kathmandu', 'Pacific/Marquesas'];
const hourMs = 3_600_000;

let processes = 0;

/** The process is like any other for what it computes: it is only watched and, where asked to, moved elsewhere. */
export function tracedProcess({ dir, disturbed, seed }: TracedProcessOptions): TracedProcess {
  const number = ++processes;
  const trace = join(dir, `trace-${number}.ndjson`);
  const elsewhere = disturbed ? disturbance(seed) : undefined;
  const orders: TraceOrders = {
    path: trace,
    number,
    ...(elsewhere && {
      disturbance: { clockOffsetMs: elsewhere.clockOffsetMs, hostName: elsewhere.hostName },
    }),
  };
  const cwd = disturbed ? join(dir, `elsewhere-${number}`) : undefined;
  const temporary = cwd && join(cwd, 'tmp');
  mkdirSync(temporary ?? dir, { recursive: true });
  return {
    env: {
      ...process.env,
      ...(elsewhere && { TZ: elsewhere.zone, HOSTNAME: elsewhere.hostName }),
      // Files that training leaves there are not on the next machine.
      ...(temporary !== undefined && { TMPDIR: temporary }),
      [traceVariable]: JSON.stringify(orders),
    },
    execArgv: [`--import=${pathToFileURL(builtFile('proof/verify/trace/preload.js')).href}`],
    cwd,
    trace,
  };
}

interface Elsewhere {
  readonly zone: string;
  readonly hostName: string;
  readonly clockOffsetMs: number;
}

function disturbance(seed: number): Elsewhere {
  const random = seededRandom(seed);
  const others = zones.filter((zone) => zone !== process.env['TZ']);
  const zone = others[Math.floor(random.next() * others.length)] ?? 'UTC';
  const sign = random.next() < 0.5 ? -1 : 1;
  // Several hours, and neither whole ones nor whole days: whatever is read off the clock is another.
  const hours = 5 + 14 * random.next();
  const hostName = `elsewhere-${random.hex(3)}`;
  return {
    zone,
    hostName: hostName === hostname() ? `${hostName}-too` : hostName,
    clockOffsetMs: Math.round(sign * hours * hourMs),
  };
}
