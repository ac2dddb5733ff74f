import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { remedyOf, TransientError } from '../../../lib/base/errors.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { awsTimeouts, answerTimeoutMs, type AwsTimeouts } from '../../../lib/aws/aws-timeouts.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { retryingObjectStore } from '../../../lib/store/retrying-object-store.ts';
import { conflict, type Fault, lostAnswer, slowDown } from '../../support/fake-aws/faults.ts';
import { openFakeStore } from '../../support/fake-aws/open-fake-drivers.ts';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const caught = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );
const impatient: AwsTimeouts = { ...awsTimeouts, answerMs: 250, idleMs: 250 };
/** Short limits only where they are to be met: a busy machine takes its time for the rest. */
const timeoutsFor = ({ kind }: Fault): AwsTimeouts => (kind === 'silent' ? impatient : awsTimeouts);

interface Harm {
  readonly fault: Fault;
  /** What the store holds afterwards. */
  readonly isWritten: boolean;
  readonly applied: 'no' | 'unknown';
}

interface Written {
  readonly write: Write;
  readonly key: string;
  /** What a second try is told where the first was applied, and where it was not. */
  readonly again: { readonly applied: object; readonly unapplied: object };
}

const harms: Readonly<Record<string, Harm>> = {
  'a lost answer': { fault: lostAnswer, isWritten: true, applied: 'unknown' },
  'an answer cut after its first bytes': {
    fault: { kind: 'cut-answer', afterBytes: 0 },
    isWritten: true,
    applied: 'unknown',
  },
  'a request cut in its body': {
    fault: { kind: 'cut-request', afterBytes: 1 },
    isWritten: false,
    applied: 'unknown',
  },
  '409 ConditionalRequestConflict': { fault: conflict, isWritten: false, applied: 'no' },
  '503 SlowDown': { fault: slowDown, isWritten: false, applied: 'unknown' },
  '500 InternalError': {
    fault: { kind: 'refuse', status: 500, code: 'InternalError' },
    isWritten: false,
    applied: 'unknown',
  },
  'no answer at all': { fault: { kind: 'silent' }, isWritten: false, applied: 'unknown' },
};

type Write = (store: ObjectStore, etag: string) => Promise<object>;
const newBody = bytesOf('new'.repeat(50_000));
const writes: Readonly<Record<string, Written>> = {
  createIfAbsent: {
    write: async (store) => store.createIfAbsent('fresh', newBody),
    key: 'pre/fix/fresh',
    again: { applied: { outcome: 'exists' }, unapplied: { outcome: 'created' } },
  },
  replaceIfMatch: {
    write: async (store, etag) => store.replaceIfMatch('held', newBody, { etag }),
    key: 'pre/fix/held',
    again: { applied: { outcome: 'changed' }, unapplied: { outcome: 'replaced' } },
  },
  put: {
    write: async (store) => store.put('held', newBody),
    key: 'pre/fix/held',
    again: { applied: {}, unapplied: {} },
  },
};

describe('a write of S3ObjectStore', () => {
  for (const [name, { write, key, again }] of Object.entries(writes))
    for (const [harm, { fault, isWritten, applied }] of Object.entries(harms)) {
      // The answer to a write is whole once its head is there.
      if (fault.kind === 'cut-answer') continue;
      it(`${name}: ${harm} is transient, and ${isWritten ? 'the bytes are there' : 'nothing was written'}`, async () => {
        await using opened = await openFakeStore({ timeouts: timeoutsFor(fault) });
        const { aws, store } = opened;
        const { etag } = await store.put('held', bytesOf('old'));
        aws.faults.add({ operation: 'PutObject', fault });
        const error = await caught(write(store, etag));
        expect(error).toBeInstanceOf(TransientError);
        expect(error).toMatchObject({ applied, cause: expect.anything() });
        expect(aws.s3.objects('bucket').get(key)?.body.equals(newBody) === true).toBe(isWritten);
        // The driver tried once: its second try would meet the writer's own bytes and call them somebody else's.
        expect(aws.asked('PutObject')).toHaveLength(2);
        expect(await write(store, etag)).toMatchObject(again[isWritten ? 'applied' : 'unapplied']);
      });
    }
});

describe('a read of S3ObjectStore', () => {
  const reads: Readonly<Record<string, (store: ObjectStore) => Promise<unknown>>> = {
    get: async (store) => store.get('key'),
    head: async (store) => store.head('key'),
    list: async (store) => store.list('key'),
    'delete of one': async (store) => store.delete(['other']),
    'delete of two': async (store) => store.delete(['other', 'another']),
    copy: async (store) => store.copy('key', 'copied'),
  };
  for (const [name, read] of Object.entries(reads))
    for (const [harm, { fault }] of Object.entries(harms)) {
      const hasNoBody = name === 'head' || name === 'delete of one';
      if (fault.kind === 'cut-answer' && hasNoBody) continue;
      // An upload that is cut needs bytes to be cut.
      if (fault.kind === 'cut-request' && name !== 'delete of two') continue;
      it(`${name}: ${harm} is transient, never "not there"`, async () => {
        await using opened = await openFakeStore({ timeouts: timeoutsFor(fault) });
        const { aws, store } = opened;
        await store.put('key', bytesOf('content'));
        aws.faults.add({ fault });
        expect(await caught(read(store))).toBeInstanceOf(TransientError);
        expect(await caught(read(store))).toBeUndefined();
      });
    }

  const mib = new Uint8Array(2 ** 20).fill(7);
  for (const afterBytes of [1, 70_000, 2 ** 20 - 1]) {
    it(`a body cut after ${afterBytes} of 1,048,576 bytes is transient, not a short object`, async () => {
      await using opened = await openFakeStore();
      const { aws, store } = opened;
      await store.put('key', mib);
      aws.faults.add({ operation: 'GetObject', fault: { kind: 'cut-answer', afterBytes } });
      expect(await caught(store.get('key'))).toBeInstanceOf(TransientError);
      expect(Buffer.compare((await store.get('key'))?.body ?? new Uint8Array(0), mib)).toBe(0);
    });
  }

  it('a 404 whose explanation was cut, or that a proxy wrote, does not say that an object is missing', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    for (const afterBytes of [0, 1, 60, 140]) {
      aws.faults.add({ fault: { kind: 'cut-answer', afterBytes } });
      expect(await caught(store.get('nowhere'))).toBeInstanceOf(TransientError);
      aws.faults.add({ fault: { kind: 'cut-answer', afterBytes } });
      const replaced = store.replaceIfMatch('nowhere', newBody, { etag: '"x"' });
      expect(await caught(replaced)).toBeInstanceOf(TransientError);
    }
    for (const html of ['', '<html><body>Not Found</body></html>', 'Not Found']) {
      aws.faults.add({ fault: { kind: 'page', status: 404, html } });
      expect(await caught(store.get('nowhere'))).toMatchObject({ code: 'UNFIT' });
    }
    expect(await store.get('nowhere')).toBeUndefined();
  });

  it('a gateway’s error page is transient', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    for (const status of [500, 502, 503, 504]) {
      aws.faults.add({ fault: { kind: 'page', status, html: '<html><h1>Bad gateway</h1>' } });
      expect(await caught(store.list('any/'))).toBeInstanceOf(TransientError);
    }
  });

  it('a body that stops coming is transient after the idle time', async () => {
    await using opened = await openFakeStore({ timeouts: impatient });
    const { aws, store } = opened;
    await store.put('key', mib);
    aws.faults.add({ operation: 'GetObject', fault: { kind: 'stalled-answer', afterBytes: 1_000 } });
    const error = await caught(store.get('key'));
    expect(error).toBeInstanceOf(TransientError);
    expect(String(error)).toContain('250 ms of inactivity');
  });

  it('a slow answer within the limit is an answer', async () => {
    await using opened = await openFakeStore({ timeouts: { ...impatient, answerMs: 5_000, idleMs: 5_000 } });
    const { aws, store } = opened;
    await store.put('key', mib);
    aws.faults.add({ operation: 'GetObject', fault: { kind: 'slow', ms: 200 } });
    expect((await store.get('key'))?.body).toHaveLength(2 ** 20);
  });

  it('hands out damaged bytes as they are: whoever knows the digest decides', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    await store.put('key', mib, { sha256: sha256Hex(mib) });
    aws.s3.damage('bucket', 'pre/fix/key');
    expect(sha256Hex((await store.get('key'))?.body ?? '')).not.toBe(sha256Hex(mib));
  });
});

describe('time-outs and refused connections of S3ObjectStore', () => {
  it('says how long it waited', async () => {
    await using opened = await openFakeStore({ timeouts: impatient });
    opened.aws.faults.add({ fault: { kind: 'silent' } });
    const error = await caught(opened.store.get('key'));
    expect(error).toBeInstanceOf(TransientError);
    expect(String(error)).toMatch(/250 ms/);
  });

  it('gives an upload more time, by its size', async () => {
    const timeouts = { ...awsTimeouts, answerMs: 200, slowestBytesPerSecond: 1_000_000 };
    await using opened = await openFakeStore({ timeouts });
    opened.aws.faults.add({ fault: { kind: 'silent' } });
    const error = await caught(opened.store.put('key', new Uint8Array(123_000)));
    expect(error).toBeInstanceOf(TransientError);
    expect(String(error)).toContain('323 ms requestTimeout');
  });

  it('knows that nothing was written where nobody listened', async () => {
    const opened = await openFakeStore();
    await opened.aws.close();
    const error = await caught(opened.store.createIfAbsent('key', newBody));
    expect(error).toMatchObject({ code: 'TRANSIENT', applied: 'no' });
    await opened.store.close();
  });

  it('gives a large body the time that a slow line needs', () => {
    expect(answerTimeoutMs(awsTimeouts, 0)).toBe(10_000);
    expect(answerTimeoutMs(awsTimeouts, 8 * 2 ** 20)).toBe(42_000);
  });
});

describe('a signal given to S3ObjectStore', () => {
  it('ends a call that waits for its answer, with the reason of the abort', async () => {
    await using opened = await openFakeStore();
    opened.aws.faults.add({ fault: { kind: 'silent' } });
    const abort = new AbortController();
    const pending = caught(opened.store.get('key', { signal: abort.signal }));
    while (opened.aws.requests.length === 0) await systemClock.sleep(1);
    abort.abort(new Error('the notice came'));
    expect(await pending).toMatchObject({ message: 'the notice came' });
  });

  it('ends a download in the middle of its body, with the reason of the abort', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    await store.put('key', newBody);
    aws.faults.add({ operation: 'GetObject', fault: { kind: 'stalled-answer', afterBytes: 1_000 } });
    const abort = new AbortController();
    const pending = caught(store.get('key', { signal: abort.signal }));
    while (aws.asked('GetObject').length === 0) await systemClock.sleep(1);
    await systemClock.sleep(20);
    abort.abort(new Error('fenced'));
    expect(await pending).toMatchObject({ message: 'fenced' });
  });
});

describe('S3ObjectStore in bad weather', () => {
  const faults: readonly Fault[] = [
    lostAnswer,
    conflict,
    slowDown,
    { kind: 'cut-request', afterBytes: 3 },
    { kind: 'cut-answer', afterBytes: 5 },
  ];

  for (const seed of [1, 2, 3])
    it(`gives every slot exactly one winner, who knows it by reading back (seed ${seed})`, async () => {
      await using opened = await openFakeStore();
      const { aws, store } = opened;
      const weather = seededRandom(seed);
      aws.faults.storm(() =>
        weather.next() < 0.25 ? faults[Math.floor(weather.next() * faults.length)] : undefined,
      );
      const limits = { attemptsMax: 50, delayMs: 1, delayMsMax: 2 };
      const patient = retryingObjectStore(store, { clock: systemClock, random: seededRandom(seed), limits });
      const slots = Array.from({ length: 12 }, (_, index) => `slots/${index}`);
      const writers = Array.from({ length: 6 }, (_, writer) => async () => {
        const won: string[] = [];
        for (const slot of slots) if (await wins(patient, slot, `writer ${writer}`)) won.push(slot);
        return won;
      });
      const won = await Promise.all(writers.map(async (run) => run()));
      expect(won.flat().toSorted()).toEqual(slots.toSorted());
      for (const [writer, mine] of won.entries())
        for (const slot of mine)
          expect(aws.s3.objects('bucket').get(`pre/fix/${slot}`)?.body.toString()).toBe(`writer ${writer}`);
      // The weather was bad: a storm that never struck would prove nothing.
      const struck = aws.requests.filter(({ fault }) => fault !== undefined).length;
      expect(struck / aws.requests.length).toBeGreaterThan(0.15);
    });
});

/** Creates a slot as the journal does: an unknown outcome, and an `exists`, are settled by reading back. */
async function wins(store: ObjectStore, key: string, mine: string): Promise<boolean> {
  for (;;) {
    try {
      const { outcome } = await store.createIfAbsent(key, bytesOf(mine));
      if (outcome === 'created') return true;
    } catch (error) {
      if (remedyOf(error) !== 'retry') throw error;
    }
    const held = await store.get(key);
    if (held !== undefined) return new TextDecoder().decode(held.body) === mine;
  }
}
