import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TransientError } from '../../lib/base/errors.ts';
import { silentLog } from '../../lib/base/log.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { logLineSchema, metricPointSchema, parseSegment } from '../../lib/contract/segments.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { Segments } from '../../job/segments.ts';
import { withMethods } from '../support/with-methods.ts';
import { WorkerBench } from '../support/worker-bench.ts';

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
});
afterEach(() => bench.dispose());

const keysOf = async (prefix: string): Promise<string[]> =>
  (await bench.store.list(prefix)).objects.map(({ key }) => key);

async function linesOf(index: number): Promise<string[]> {
  const key = objectKeys.logSegment('job', 7, index);
  const body = (await bench.store.get(key))?.body ?? new Uint8Array();
  return parseSegment(logLineSchema, body, key).map(({ line }) => line);
}

function openSegments(store: ObjectStore = bench.store): Segments {
  const { world } = bench.start({ store });
  return new Segments(world, 'job', 7);
}

describe('log and metric segments', () => {
  it('are kept every half heartbeat, numbered, with the step that each line belongs to', async () => {
    const segments = openSegments();
    segments.log('out', 'one', 3);
    segments.metrics({ step: 3, epoch: 0, metrics: { loss: 0.25 } });
    await bench.pass(15_000);
    segments.log('err', 'two', 4);
    await bench.pass(15_000);
    expect(await linesOf(0)).toEqual(['one']);
    expect(await linesOf(1)).toEqual(['two']);
    const key = objectKeys.metricSegment('job', 7, 0);
    const points = parseSegment(
      metricPointSchema,
      (await bench.store.get(key))?.body ?? new Uint8Array(),
      key,
    );
    expect(points).toMatchObject([{ step: 3, metrics: { loss: 0.25 } }]);
    await segments.close();
    // Nothing to tell, nothing written.
    expect(await keysOf(objectKeys.logSegments('job', 7))).toHaveLength(2);
  });

  it('go out early when they grow large, and at the end', async () => {
    const segments = openSegments();
    segments.log('out', 'x'.repeat(300_000), 1);
    await bench.pass(200);
    expect(await keysOf(objectKeys.logSegments('job', 7))).toHaveLength(1);
    segments.log('out', 'the last words', 2);
    await segments.close();
    expect(await linesOf(1)).toEqual(['the last words']);
  });

  it('lose no line to a store that is away for a while, and keep their order', async () => {
    let isAway = true;
    const store = withMethods<ObjectStore>(bench.store, {
      put: async (key, body, options) => {
        if (isAway) throw new TransientError('away');
        return bench.store.put(key, body, options);
      },
    });
    const segments = openSegments(store);
    segments.log('out', 'one', 1);
    await bench.pass(15_000);
    segments.log('out', 'two', 2);
    isAway = false;
    await bench.pass(15_000);
    expect(await linesOf(0)).toEqual(['one', 'two']);
    await segments.close();
  });

  it('are tried again once, however many lines came while the store was away', async () => {
    let tries = 0;
    const store = withMethods<ObjectStore>(bench.store, {
      put: async () => {
        tries++;
        await bench.clock.sleep(10_000);
        throw new TransientError('the store is out of reach.');
      },
    });
    const segments = openSegments(store);
    for (let line = 0; line < 200; line++) segments.log('out', 'x'.repeat(300_000 / 20), line);
    const closed = segments.close().then(() => bench.clock.monotonicMs());
    await bench.pass(60_000);
    // The flush that was under way, the one that waited, and the last one.
    expect(tries).toBeLessThanOrEqual(3);
    expect(await closed).toBeLessThan(60_000);
  });

  it('say how many lines were given up for want of room while the store was away', async () => {
    let isAway = true;
    const store = withMethods<ObjectStore>(bench.store, {
      put: async (...args) => {
        if (isAway) throw new TransientError('away');
        return bench.store.put(...args);
      },
    });
    const warnings: unknown[] = [];
    const log = { ...silentLog, warn: (event: string, facts?: object) => void warnings.push([event, facts]) };
    const segments = new Segments({ ...bench.start({ store }).world, log }, 'job', 7);
    for (let line = 0; line < 20; line++) segments.log('out', `${line} ${'x'.repeat(1024 * 1024)}`, 1);
    await bench.pass(200);
    isAway = false;
    await segments.close();
    expect(warnings).toContainEqual(['segment-lines-dropped', { lines: 5 }]);
    expect((await linesOf(0)).map((line) => Number.parseInt(line, 10))).toEqual(
      Array.from({ length: 15 }, (_, index) => index + 5),
    );
  });
});
