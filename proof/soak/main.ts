/** `npm run soak -- --minutes N [--seed S] [--workers W] [--json]`: see docs/reliability.md. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../lib/base/clock.ts';
import { HoldfastError, messageOf, UsageError } from '../../lib/base/errors.ts';
import { systemRandom } from '../../lib/base/random.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import { runSoak, type SoakProgress } from './run-soak.ts';
import { renderSoak } from './soak-report.ts';

/** Without a terminal a line of progress comes this often. */
const plainEveryMs = 15_000;

async function main(): Promise<number> {
  const values = readArguments();
  const minutes = numberOf('minutes', values.minutes, { low: 0.1, high: 10_000 });
  const workers = numberOf('workers', values.workers, { low: 1, high: 32, isWhole: true });
  const seed =
    values.seed === undefined
      ? Math.floor(systemRandom.next() * 1e9)
      : numberOf('seed', values.seed, { low: 0, high: Number.MAX_SAFE_INTEGER, isWhole: true });
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-soak-'));
  const stopping = new AbortController();
  // A second one ends it at once; its machines die with it all the same.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stopping.abort());
  process.stderr.write(`soak of ${minutes} minutes, seed ${seed}, in ${dir}\n`);
  let isWhole = false;
  try {
    const report = await runSoak({
      dir,
      forMs: minutes * 60_000,
      seed,
      workers,
      clock: systemClock,
      signal: stopping.signal,
      onProgress: progressLine(),
    });
    if (process.stderr.isTTY) process.stderr.write('\r\u001B[K');
    const text = values.json ? JSON.stringify(report, undefined, 2) : renderSoak(report).join('\n');
    process.stdout.write(`${text}\n`);
    isWhole = report.ok;
    return report.ok ? exitCodes.ok : exitCodes.checkFailed;
  } catch (error) {
    if (!stopping.signal.aborted) throw error;
    process.stderr.write('soak: broken off, and nothing is said of what it came to\n');
    return exitCodes.interrupted;
  } finally {
    // What went wrong is looked at where it lies.
    if (isWhole && !values.keep) await rm(dir, { recursive: true, force: true });
    else process.stderr.write(`everything is left in ${dir}\n`);
  }
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        minutes: { type: 'string', default: '2' },
        seed: { type: 'string' },
        workers: { type: 'string', default: '3' },
        keep: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    }).values;
  } catch (cause) {
    throw new UsageError(messageOf(cause), {
      hint: '--minutes N [--seed S] [--workers W] [--keep] [--json]',
      cause,
    });
  }
}

function numberOf(
  name: string,
  text: string,
  { low, high, isWhole = false }: { readonly low: number; readonly high: number; readonly isWhole?: boolean },
): number {
  const value = Number(text);
  const isFit = value >= low && value <= high && (!isWhole || Number.isInteger(value));
  if (text.trim() !== '' && isFit) return value;
  throw new UsageError(
    `--${name} is a ${isWhole ? 'whole ' : ''}number from ${low} to ${high}, not \`${text}\`.`,
  );
}

function progressLine(): (progress: SoakProgress) => void {
  let shownMs = -Infinity;
  return ({ phase, elapsedMs, jobs, attempts }) => {
    const line = `${(elapsedMs / 1_000).toFixed(0).padStart(5)} s  ${phase}: ${jobs} jobs over, ${attempts} attempts`;
    const nowMs = systemClock.monotonicMs();
    if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${line}`);
    else if (nowMs - shownMs >= plainEveryMs) {
      process.stderr.write(`${line}\n`);
      shownMs = nowMs;
    }
  };
}

try {
  process.exitCode = await main();
} catch (error) {
  const hint = error instanceof HoldfastError ? error.hint : undefined;
  const shown =
    error instanceof HoldfastError ? error.message : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`soak: ${shown}\n${hint === undefined ? '' : `${hint}\n`}`);
  process.exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.error;
}
