import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { TransientError } from '../../../lib/base/errors.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { MemoryJobQueue } from '../../../lib/queue/memory-job-queue.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { faultLog, readFaultNotes } from '../../../proof/rehearsal/fault-log.ts';
import { faultyJobQueue } from '../../../proof/rehearsal/faulty-job-queue.ts';
import { jumpingClock } from '../../../proof/rehearsal/jumping-clock.ts';
import { slowObjectStore } from '../../../proof/rehearsal/slow-object-store.ts';
import { isOpen, readWorkerFaults } from '../../../proof/rehearsal/worker-faults.ts';
import { describeObjectStore } from '../../lib/store/object-store-contract.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';

describe('faults of a rehearsed worker', () => {
  it('are read from the file that the environment names, and refused where it says something else', () => {
    const path = join(tempDir(), 'faults.json');
    const env = { HOLDFAST_REHEARSAL_FAULTS: path };
    expect(readWorkerFaults({})).toBeUndefined();
    writeFileSync(path, JSON.stringify({ format: 1, seed: 3, store: { unavailable: 0.5 } }));
    expect(readWorkerFaults(env)).toMatchObject({ seed: 3, store: { unavailable: 0.5 } });
    writeFileSync(path, JSON.stringify({ format: 1, seed: 3, stroe: {} }));
    expect(() => readWorkerFaults(env)).toThrow('faults of a rehearsal');
  });

  it('hold in windows that come again', () => {
    const window = { fromSeconds: 3, forSeconds: 1, everySeconds: 5 };
    expect([0, 3, 3.9, 4, 8, 8.9, 9].map((at) => isOpen(window, at))).toEqual([
      false,
      true,
      true,
      false,
      true,
      true,
      false,
    ]);
    expect(isOpen(undefined, 0)).toBe(true);
    expect(isOpen({ fromSeconds: 2 }, 1e6)).toBe(true);
  });

  it('are noted line by line, and a line that was cut is no line', async () => {
    const path = join(tempDir(), 'faults.ndjson');
    expect(await readFaultNotes(path)).toEqual([]);
    const note = faultLog({ path, instance: 'i-1', clock: manualClock() });
    note({ where: 'disk', what: 'full', detail: 'slot-0' });
    note({ where: 'store', what: 'refused', detail: 'put a' });
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -3));
    expect(await readFaultNotes(path)).toEqual([
      { at: '2030-01-01T00:00:00.000Z', instance: 'i-1', where: 'disk', what: 'full', detail: 'slot-0' },
    ]);
  });

  it('are read again also where a kill cut a line in the middle of the log', async () => {
    const path = join(tempDir(), 'faults.ndjson');
    const note = faultLog({ path, instance: 'i-1', clock: manualClock() });
    note({ where: 'store', what: 'refused', detail: 'put a' });
    appendFileSync(path, '{"at":"2026-01-01T00:00:00.000Z","inst');
    note({ where: 'store', what: 'refused', detail: 'put b' });
    note({ where: 'store', what: 'refused', detail: 'put c' });
    appendFileSync(path, '{"at":');
    const details = (await readFaultNotes(path)).map(({ detail }) => detail);
    expect(details).toEqual(['put a', 'put c']);
  });
});

describe('a clock that is set while a process runs', () => {
  it('jumps forth and back, and leaves monotonic time alone', async () => {
    const clock = manualClock();
    const jumping = jumpingClock(clock, [
      { atSeconds: 1, bySeconds: 3_600 },
      { atSeconds: 2, bySeconds: -7_200 },
    ]);
    const offBy = (): number => (jumping.now().getTime() - clock.now().getTime()) / 1_000;
    expect(offBy()).toBe(0);
    await clock.advance(1_000);
    expect(offBy()).toBe(3_600);
    await clock.advance(1_000);
    expect(offBy()).toBe(-3_600);
    expect(jumping.monotonicMs()).toBe(clock.monotonicMs());
  });

  it('is noted once for each time that it is set, since nothing else shows that it was', async () => {
    const clock = manualClock();
    const notes: string[] = [];
    const jumps = [5, 1].map((atSeconds) => ({ atSeconds, bySeconds: 60 * atSeconds }));
    const jumping = jumpingClock(clock, jumps, ({ where, what, detail }) =>
      notes.push(`${where} ${what} ${detail}`),
    );
    jumping.now();
    expect(notes).toEqual([]);
    await clock.advance(1_000);
    jumping.now();
    jumping.now();
    expect(notes).toEqual(['clock jump 60 s']);
    await clock.advance(9_000);
    jumping.now();
    expect(notes).toEqual(['clock jump 60 s', 'clock jump 300 s']);
  });
});

describe('a store at the end of a bad line', () => {
  it('lets every request wait, and bodies as long as they are', async () => {
    const clock = manualClock();
    const store = slowObjectStore(new MemoryObjectStore(), { clock, latencyMs: 100, bytesPerSecond: 10_000 });
    let isDone = false;
    const written = store.put('key', new Uint8Array(10_000)).then(() => (isDone = true));
    await clock.advance(900);
    expect(isDone).toBe(false);
    await clock.advance(300);
    await written;
    expect(isDone).toBe(true);
  });
});

describeObjectStore('a slow store whose clock waits for nobody', async () => ({
  store: slowObjectStore(new MemoryObjectStore(), {
    clock: { ...manualClock(), sleep: async () => {} },
    latencyMs: 1,
  }),
  cleanUp: async () => {},
}));

describe('a queue whose network is bad', () => {
  it('does not serve some calls, and serves others without an answer', async () => {
    const queue = new MemoryJobQueue();
    const seen: string[] = [];
    const faulty = faultyJobQueue(queue, {
      random: seededRandom(1),
      rates: { unavailable: 0.3, 'lost-answer': 0.3 },
      onFault: ({ method, fault }) => seen.push(`${method} ${fault}`),
    });
    let failures = 0;
    for (let sent = 0; sent < 50; sent++)
      await faulty.send(`{"n":${sent}}`).catch((error: unknown) => {
        expect(error).toBeInstanceOf(TransientError);
        failures++;
      });
    const lost = seen.filter((fault) => fault === 'send lost-answer').length;
    expect(seen).toHaveLength(failures);
    expect(lost).toBeGreaterThan(0);
    expect(failures).toBeGreaterThan(lost);
    expect((await queue.depth()).visible).toBe(50 - failures + lost);
  });

  it('is good while nothing is to go wrong', async () => {
    const rates = { unavailable: 1 };
    const faulty = faultyJobQueue(new MemoryJobQueue(), {
      random: seededRandom(1),
      rates,
      isBad: () => false,
    });
    await expect(faulty.send('{}')).resolves.toMatchObject({});
  });
});
