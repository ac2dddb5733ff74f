import { systemClock, pause } from '../../lib/base/clock.ts';

/** Often enough to see a buffer of 8 MiB that lives as long as its upload. */
const everyMs = 5;

/** The largest value that `read` gave while `act` went on. */
export async function peakDuring(read: () => number, act: () => Promise<unknown>): Promise<number> {
  const ended = new AbortController();
  let peak = read();
  const sampling = (async () => {
    while (await pause(systemClock, everyMs, ended.signal)) peak = Math.max(peak, read());
  })();
  try {
    await act();
  } finally {
    ended.abort();
    await sampling;
  }
  return Math.max(peak, read());
}
