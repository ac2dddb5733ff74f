import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { ConflictError, UsageError } from '../../lib/base/errors.ts';
import { silentLog } from '../../lib/base/log.ts';
import { systemRandom } from '../../lib/base/random.ts';
import { openQueue } from '../../lib/client/region.ts';
import { timersFrom } from '../../lib/contract/timers.ts';
import { type LocalRegionOptions, openLocalRegion } from '../../local/local-region.ts';
import { readRegionFile } from '../../local/region-file.ts';
import { EventTape, workerScripts } from '../support/market-world.ts';

const patient = { timeout: 10_000, interval: 20 };
const ports = { clock: systemClock, random: systemRandom };
let dir = '';

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-region-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const open = (script: string, options: Partial<LocalRegionOptions> = {}) =>
  openLocalRegion({
    dir,
    timers: timersFrom({ heartbeatMs: 1_500, visibilityMs: 6_000 }),
    workers: 1,
    noticeMs: 300,
    bootMs: 0,
    workerCommand: [process.execPath, '-e', script],
    log: silentLog,
    ...ports,
    ...options,
  });

describe('openLocalRegion', () => {
  it('tells workers where store and queue are and how fast time goes', async () => {
    const script = `
      const names = ['HOLDFAST_STORE', 'HOLDFAST_QUEUE', 'HOLDFAST_HEARTBEAT_MS', 'HOLDFAST_VISIBILITY_MS'];
      console.log(JSON.stringify(names.map((name) => process.env[name])));
      ${workerScripts.stay}`;
    const tape = new EventTape();
    await using region = await open(script, { storeBytesPerSecond: 400_000, onEvent: tape.record });
    const store = pathToFileURL(join(dir, 'store')).href;
    expect(region.storeUri).toBe(`${store}?bytesPerSecond=400000`);
    expect(region.queueUri).toBe(pathToFileURL(join(dir, 'queue')).href);
    const { logFile } = await tape.nth('instance-started', 1);
    const heard: unknown = await vi.waitFor(() => JSON.parse(readFileSync(logFile, 'utf8')), patient);
    expect(heard).toEqual([region.storeUri, region.queueUri, '1500', '6000']);
    expect(await readRegionFile(dir)).toMatchObject({ store, queue: region.queueUri, noticeMs: 300 });
  });

  it('refuses a second region in its folder and lets the next one in after it was disposed', async () => {
    const region = await open(workerScripts.stay);
    await expect(open(workerScripts.stay)).rejects.toThrow(ConflictError);
    await region.dispose();
    expect(region.market.instances).toEqual([]);
    await (await open(workerScripts.stay)).dispose();
  });

  it('starts a worker again when a ticket waits, not before', async () => {
    const tape = new EventTape();
    const fast = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 20, signal),
    };
    await using region = await open('process.exit(0)', { onEvent: tape.record, clock: fast });
    await tape.nth('killed', 1);
    const queue = await openQueue(region.queueUri, ports);
    expect(tape.all('instance-started')).toHaveLength(1);
    await queue.send('a ticket');
    await tape.nth('instance-started', 2);
    await queue.close();
  });

  it('interrupts instances as planned, with notice and without', async () => {
    const tape = new EventTape();
    const interruptions = { everyMs: 50, noNotice: 0.5, seed: 11 };
    await using region = await open(workerScripts.stay, { workers: 2, interruptions, onEvent: tape.record });
    await vi.waitFor(() => {
      const reasons = new Set(tape.all('killed').map(({ why }) => why));
      expect(reasons).toEqual(new Set(['deadline', 'no-notice']));
    }, patient);
    await region.dispose();
    expect(tape.events.at(-1)?.kind).toBe('stopped');
  });

  it.each([
    [{ workers: -1 }, /workers/],
    [{ workers: 1.5 }, /workers/],
    [{ workers: 33 }, /workers/],
    [{ noticeMs: -1 }, /notice/],
    [{ storeBytesPerSecond: 0 }, /bandwidth/],
    [{ storeBytesPerSecond: 0.5 }, /bandwidth/],
    [{ workerCommand: [] }, /command/],
    [{ interruptions: { everyMs: 0, noNotice: 0, seed: 1 } }, /interruptions/],
    [{ interruptions: { everyMs: 1, noNotice: 1.1, seed: 1 } }, /share/],
  ])('refuses %j before it touches the folder', async (options, message) => {
    await expect(open('', options)).rejects.toThrow(message);
    await expect(open('', options)).rejects.toThrow(UsageError);
    expect(existsSync(join(dir, 'region.json'))).toBe(false);
  });
});
