import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CorruptionError } from '../../../lib/base/errors.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';

/** An empty store of its own for each test. */
export type OpenStore = () => Promise<{
  readonly store: ObjectStore;
  readonly cleanUp: () => Promise<void>;
}>;

export interface StoreTraits {
  /** Whether wrong bytes are refused. Some emulators store anything; the driver then shows elsewhere that it minds. */
  readonly digests: 'checked' | 'unchecked';
}

/** Holds a driver to every duty of `lib/store/object-store.ts`. */
export function describeObjectStore(
  name: string,
  open: OpenStore,
  { digests }: StoreTraits = { digests: 'checked' },
): void {
  const holds = (duty: string, check: (store: ObjectStore) => Promise<void>): void =>
    it(duty, async () => {
      const { store, cleanUp } = await open();
      try {
        await check(store);
      } finally {
        await cleanUp();
      }
    });
  describe(`${name} as an object store`, () => {
    describe('reads and writes', () => describeReadsAndWrites(holds));
    describe('creates if absent', () => describeCreateIfAbsent(holds));
    describe('replaces if matching', () => describeReplaceIfMatch(holds));
    describe('copies', () => describeCopies(holds));
    describe('checks bytes against their digest', () => describeDigests(holds, digests));
    describe('lists', () => describeLists(holds));
    describe('deletes', () => describeDeletes(holds));
    describe('keeps time', () => describeTime(holds));
    describe('stops', () => describeAbort(holds));
  });
}

type Holds = (duty: string, check: (store: ObjectStore) => Promise<void>) => void;

const racers = 32;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const contentOf = async (store: ObjectStore, key: string): Promise<string | undefined> =>
  textOf((await store.get(key))?.body);
const race = async <Result>(run: (racer: number) => Promise<Result>): Promise<readonly Result[]> =>
  Promise.all(Array.from({ length: racers }, async (_, racer) => run(racer)));

/** Keys that drivers are known to get wrong: escapes, spaces, composed and decomposed accents, beyond the basic plane, case. */
const oddKeys: readonly string[] = [
  'odd/a b',
  'odd/a%20b',
  'odd/a%2fb',
  'odd/a+b',
  'odd/a&b=c',
  'odd/a#b',
  'odd/a?b',
  'odd/a:b',
  'odd/~tilde',
  "odd/quote'",
  'odd/(round)',
  'odd/star*',
  'odd/!bang',
  'odd/under_score',
  'odd/caf\u00e9',
  'odd/cafe\u0301',
  'odd/日本語',
  'odd/\u{1f980}',
  'odd/Case',
  'odd/case',
  'odd/.hidden',
  'odd/trailing.',
];

function describeReadsAndWrites(holds: Holds): void {
  holds('answers undefined for an object that is not there', async (store) => {
    expect(await store.get('nowhere')).toBeUndefined();
    expect(await store.head('nowhere')).toBeUndefined();
  });

  holds('gives back what was put, and the same facts from get, head and list', async (store) => {
    const written = await store.put('a/object', bytesOf('hello'));
    const got = await store.get('a/object');
    const head = await store.head('a/object');
    const { objects } = await store.list('a/');
    expect(textOf(got?.body)).toBe('hello');
    expect(got).toMatchObject({ key: 'a/object', etag: written.etag });
    expect(head).toMatchObject({ key: 'a/object', etag: written.etag, bytes: 5 });
    expect(objects).toEqual([head]);
    expect(got?.lastModified).toEqual(head?.lastModified);
  });

  holds('replaces on put, and the ETag changes with the content', async (store) => {
    const first = await store.put('key', bytesOf('one'));
    const second = await store.put('key', bytesOf('two'));
    expect(second.etag).not.toBe(first.etag);
    expect(await contentOf(store, 'key')).toBe('two');
    expect((await store.head('key'))?.etag).toBe(second.etag);
  });

  holds('keeps empty bodies', async (store) => {
    expect((await store.createIfAbsent('created', new Uint8Array(0))).outcome).toBe('created');
    const { etag } = await store.put('put', new Uint8Array(0));
    expect((await store.get('created'))?.body.byteLength).toBe(0);
    expect(await store.head('put')).toMatchObject({ bytes: 0, etag });
  });

  holds('keeps bodies of 9 MiB to the byte', async (store) => {
    const body = new Uint8Array(9 * 2 ** 20);
    for (let index = 0; index < body.length; index++) body[index] = (index * 31 + (index >> 13)) & 0xff;
    await store.put('big', body, { sha256: sha256(body) });
    const got = await store.get('big');
    expect(got?.body.byteLength).toBe(body.byteLength);
    expect(sha256(got?.body ?? new Uint8Array(0))).toBe(sha256(body));
    expect((await store.head('big'))?.bytes).toBe(body.byteLength);
  });

  holds('stores only the part that a view shows', async (store) => {
    const whole = bytesOf('xxmiddlexx');
    await store.put('view', whole.subarray(2, 8));
    expect(await contentOf(store, 'view')).toBe('middle');
  });

  holds('keeps nothing of the caller’s buffers, in either direction', async (store) => {
    const body = bytesOf('original');
    await store.put('key', body);
    body.fill(0);
    const first = await store.get('key');
    expect(textOf(first?.body)).toBe('original');
    first?.body.fill(0);
    expect(await contentOf(store, 'key')).toBe('original');
  });

  holds('keeps `n` and `n/b` apart', async (store) => {
    await store.put('n', bytesOf('file'));
    await store.put('n/b', bytesOf('below'));
    await store.put('m/b', bytesOf('below'));
    await store.put('m', bytesOf('file'));
    expect(await contentOf(store, 'n')).toBe('file');
    expect(await contentOf(store, 'n/b')).toBe('below');
    expect(await contentOf(store, 'm')).toBe('file');
    await store.delete(['n']);
    expect(await store.get('n')).toBeUndefined();
    expect(await contentOf(store, 'n/b')).toBe('below');
  });

  holds('takes any characters in a key', async (store) => {
    await Promise.all(oddKeys.map(async (key) => store.put(key, bytesOf(key))));
    for (const key of oddKeys) expect(await contentOf(store, key)).toBe(key);
    const { objects } = await store.list('odd/');
    expect(objects.map(({ key }) => key)).toEqual(inByteOrder(oddKeys));
    await store.delete(oddKeys);
    expect((await store.list('odd/')).objects).toEqual([]);
  });

  holds('never shows half of a put', async (store) => {
    const bodies = ['a', 'b'].map((letter, index) => bytesOf(letter.repeat(300_000 + index * 50_000)));
    await store.put('key', bodies[0]!);
    const writer = { done: false };
    const write = async (): Promise<void> => {
      for (let round = 0; round < 30; round++) await store.put('key', bodies[round % 2]!);
      writer.done = true;
    };
    let reads = 0;
    const read = async (): Promise<void> => {
      for (; !writer.done; reads++) {
        const body = (await store.get('key'))?.body;
        expect(bodies.some((whole) => body !== undefined && Buffer.compare(whole, body) === 0)).toBe(true);
      }
    };
    await Promise.all([write(), read(), read()]);
    expect(reads).toBeGreaterThan(0);
  });
}

function describeCreateIfAbsent(holds: Holds): void {
  holds('creates, and never touches what exists', async (store) => {
    const created = await store.createIfAbsent('slot', bytesOf('first'));
    expect(created.outcome).toBe('created');
    expect((await store.head('slot'))?.etag).toBe(created.outcome === 'created' ? created.etag : '');
    expect(await store.createIfAbsent('slot', bytesOf('second'))).toEqual({ outcome: 'exists' });
    expect(await store.createIfAbsent('slot', bytesOf('first'))).toEqual({ outcome: 'exists' });
    expect(await contentOf(store, 'slot')).toBe('first');
  });

  holds('lets exactly one of 32 racers win, and keeps the winner’s bytes', async (store) => {
    const outcomes = await race(async (racer) => store.createIfAbsent('slot', bytesOf(`racer ${racer}`)));
    const winners = outcomes.flatMap(({ outcome }, racer) => (outcome === 'created' ? [racer] : []));
    expect(winners).toHaveLength(1);
    expect(await contentOf(store, 'slot')).toBe(`racer ${winners[0]}`);
  });

  holds('creates again after a delete', async (store) => {
    await store.createIfAbsent('slot', bytesOf('first'));
    await store.delete(['slot']);
    expect((await store.createIfAbsent('slot', bytesOf('second'))).outcome).toBe('created');
    expect(await contentOf(store, 'slot')).toBe('second');
  });
}

function describeReplaceIfMatch(holds: Holds): void {
  holds('replaces while the ETag is current, and answers the new one', async (store) => {
    const { etag } = await store.put('hint', bytesOf('one'));
    const replaced = await store.replaceIfMatch('hint', bytesOf('two'), { etag });
    expect(replaced.outcome).toBe('replaced');
    expect((await store.get('hint'))?.etag).toBe(replaced.outcome === 'replaced' ? replaced.etag : '');
    expect(await contentOf(store, 'hint')).toBe('two');
  });

  holds('refuses a stale ETag and leaves the object alone', async (store) => {
    const { etag } = await store.put('hint', bytesOf('one'));
    await store.put('hint', bytesOf('two'));
    expect(await store.replaceIfMatch('hint', bytesOf('three'), { etag })).toEqual({ outcome: 'changed' });
    expect(await contentOf(store, 'hint')).toBe('two');
  });

  holds('counts a missing object as changed, and creates nothing', async (store) => {
    const { etag } = await store.put('hint', bytesOf('one'));
    await store.delete(['hint']);
    expect(await store.replaceIfMatch('hint', bytesOf('two'), { etag })).toEqual({ outcome: 'changed' });
    expect(await store.replaceIfMatch('never', bytesOf('two'), { etag })).toEqual({ outcome: 'changed' });
    expect(await store.head('hint')).toBeUndefined();
    expect(await store.head('never')).toBeUndefined();
  });

  holds('lets exactly one of 32 racers replace one version', async (store) => {
    const { etag } = await store.put('hint', bytesOf('start'));
    const outcomes = await race(async (racer) =>
      store.replaceIfMatch('hint', bytesOf(`racer ${racer}`), { etag }),
    );
    const winners = outcomes.flatMap(({ outcome }, racer) => (outcome === 'replaced' ? [racer] : []));
    expect(winners).toHaveLength(1);
    expect(await contentOf(store, 'hint')).toBe(`racer ${winners[0]}`);
  });

  holds(
    'never undoes a put or a delete that ran beside it: comparing and writing are one act',
    async (store) => {
      for (let round = 0; round < 12; round++) {
        const key = `beside/${round}`;
        const { etag } = await store.put(key, bytesOf('before'));
        const rival = round % 2 === 0 ? store.put(key, bytesOf('put')) : store.delete([key]);
        await Promise.all([store.replaceIfMatch(key, bytesOf('replaced'), { etag }), rival]);
        // Whichever came first: after a put or a delete the ETag was stale, and before it the replacement was overtaken.
        expect(await contentOf(store, key)).toBe(round % 2 === 0 ? 'put' : undefined);
      }
    },
  );

  holds('loses no increment of a counter that eight writers share', async (store) => {
    await store.put('counter', bytesOf('0'));
    const increment = async (): Promise<void> => {
      for (;;) {
        const current = await store.get('counter');
        const next = bytesOf(String(Number(textOf(current?.body)) + 1));
        const { outcome } = await store.replaceIfMatch('counter', next, { etag: current?.etag ?? '' });
        if (outcome === 'replaced') return;
      }
    };
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let round = 0; round < 3; round++) await increment();
      }),
    );
    expect(await contentOf(store, 'counter')).toBe('24');
  });
}

function describeCopies(holds: Holds): void {
  holds('makes an object of its own that holds the same bytes', async (store) => {
    const body = new Uint8Array(2 ** 20 + 3);
    for (let index = 0; index < body.length; index++) body[index] = (index * 17 + (index >> 11)) & 0xff;
    await store.put('from/big', body);
    const copied = await store.copy('from/big', 'to/deep/big');
    expect(copied.outcome).toBe('copied');
    const got = await store.get('to/deep/big');
    expect(sha256(got?.body ?? new Uint8Array(0))).toBe(sha256(body));
    const head = await store.head('to/deep/big');
    expect(head).toMatchObject({ bytes: body.byteLength, etag: got?.etag });
    expect((await store.list('to/')).objects).toEqual([head]);
    expect(copied).toMatchObject({ etag: got?.etag });
    expect(await store.head('from/big')).toMatchObject({ bytes: body.byteLength });
  });

  holds('says the digest of the copy, or nothing', async (store) => {
    const body = bytesOf('the bytes');
    await store.put('from', body);
    const copied = await store.copy('from', 'to');
    expect(copied).toMatchObject({ outcome: 'copied' });
    expect([undefined, sha256(body)]).toContain(copied.outcome === 'copied' ? copied.sha256 : '');
  });

  holds('answers that the source is missing, and writes nothing', async (store) => {
    expect(await store.copy('nowhere', 'new')).toEqual({ outcome: 'missing' });
    expect(await store.head('new')).toBeUndefined();
    await store.put('held', bytesOf('held'));
    expect(await store.copy('nowhere', 'held')).toEqual({ outcome: 'missing' });
    expect(await contentOf(store, 'held')).toBe('held');
  });

  holds(
    'keeps the copy whatever becomes of its source, and the source whatever becomes of its copy',
    async (store) => {
      for (const key of ['one', 'two', 'three']) await store.put(key, bytesOf(key));
      await store.copy('one', 'of one');
      await store.copy('two', 'of two');
      await store.copy('three', 'of three');
      await store.put('one', bytesOf('changed'));
      await store.delete(['two']);
      await store.put('of three', bytesOf('changed'));
      expect(await contentOf(store, 'of one')).toBe('one');
      expect(await contentOf(store, 'of two')).toBe('two');
      expect(await contentOf(store, 'three')).toBe('three');
    },
  );

  holds('replaces what is there, and may be repeated', async (store) => {
    const before = await store.put('to', bytesOf('old'));
    await store.put('from', bytesOf('new'));
    for (let round = 0; round < 3; round++) {
      expect((await store.copy('from', 'to')).outcome).toBe('copied');
      expect(await contentOf(store, 'to')).toBe('new');
    }
    const stale = await store.replaceIfMatch('to', bytesOf('stale'), { etag: before.etag });
    expect(stale).toEqual({ outcome: 'changed' });
  });

  holds('copies between any two keys, empty objects too', async (store) => {
    for (const [index, key] of oddKeys.entries()) {
      await store.put(key, index === 0 ? new Uint8Array(0) : bytesOf(key));
      expect((await store.copy(key, `copy/${key}`)).outcome).toBe('copied');
      expect(await contentOf(store, `copy/${key}`)).toBe(index === 0 ? '' : key);
    }
  });

  holds('dates a copy when it was made, not when its source was', async (store) => {
    await store.put('from', bytesOf('x'));
    const source = await store.head('from');
    const copied = await store.copy('from', 'to');
    const copy = await store.head('to');
    const made = copied.outcome === 'copied' ? copied.serverTime.getTime() : Number.NaN;
    expect(copy?.lastModified.getTime()).toBeGreaterThanOrEqual(source?.lastModified.getTime() ?? Infinity);
    expect(Math.abs((copy?.lastModified.getTime() ?? Number.NaN) - made)).toBeLessThanOrEqual(60_000);
  });

  holds('never shows half of a copy', async (store) => {
    const bodies = ['a', 'b'].map((letter, index) => bytesOf(letter.repeat(300_000 + index * 50_000)));
    for (const [index, body] of bodies.entries()) await store.put(`from/${index}`, body);
    await store.copy('from/0', 'to');
    const writer = { done: false };
    const write = async (): Promise<void> => {
      for (let round = 0; round < 20; round++) await store.copy(`from/${round % 2}`, 'to');
      writer.done = true;
    };
    let reads = 0;
    const read = async (): Promise<void> => {
      for (; !writer.done; reads++) {
        const body = (await store.get('to'))?.body;
        expect(bodies.some((whole) => body !== undefined && Buffer.compare(whole, body) === 0)).toBe(true);
      }
    };
    await Promise.all([write(), read()]);
    expect(reads).toBeGreaterThan(0);
  });
}

function describeDigests(holds: Holds, digests: StoreTraits['digests']): void {
  const body = bytesOf('the bytes');
  const right = sha256(body);
  const wrong = sha256(bytesOf('other bytes'));

  holds('takes bytes that hash to the stated SHA-256, with every kind of write', async (store) => {
    const { etag } = await store.put('put', body, { sha256: right });
    expect((await store.createIfAbsent('created', body, { sha256: right })).outcome).toBe('created');
    const next = bytesOf('next');
    const replaced = await store.replaceIfMatch('put', next, { etag, sha256: sha256(next) });
    expect(replaced.outcome).toBe('replaced');
    expect(await contentOf(store, 'put')).toBe('next');
  });
  if (digests === 'unchecked') return;

  holds('refuses a put of other bytes as corruption, and keeps the old object', async (store) => {
    await store.put('key', bytesOf('old'));
    await expect(store.put('key', body, { sha256: wrong })).rejects.toBeInstanceOf(CorruptionError);
    await expect(store.put('new', body, { sha256: wrong })).rejects.toBeInstanceOf(CorruptionError);
    expect(await contentOf(store, 'key')).toBe('old');
    expect(await store.head('new')).toBeUndefined();
  });

  holds('refuses conditional writes of other bytes as corruption, and writes nothing', async (store) => {
    const create = store.createIfAbsent('new', body, { sha256: wrong });
    await expect(create).rejects.toBeInstanceOf(CorruptionError);
    expect(await store.head('new')).toBeUndefined();
    const { etag } = await store.put('key', bytesOf('old'));
    const replace = store.replaceIfMatch('key', body, { etag, sha256: wrong });
    await expect(replace).rejects.toBeInstanceOf(CorruptionError);
    expect(await contentOf(store, 'key')).toBe('old');
  });
}

const keysOf = async (
  store: ObjectStore,
  prefix: string,
  options: { readonly after?: string; readonly limit?: number } = {},
): Promise<readonly string[]> => (await store.list(prefix, options)).objects.map(({ key }) => key);

function describeLists(holds: Holds): void {
  holds('answers an empty last page where nothing lies', async (store) => {
    const page = await store.list('nothing/');
    expect(page).toMatchObject({ objects: [], next: undefined });
  });

  holds('never takes a neighbour for its own: jobs/job-1/ sees nothing of jobs/job-10/', async (store) => {
    const keys = ['jobs/job-1/a', 'jobs/job-1/deep/b', 'jobs/job-10/a', 'jobs/job-1.json', 'jobs/job-1'];
    await Promise.all(keys.map(async (key) => store.put(key, bytesOf(key))));
    expect(await keysOf(store, 'jobs/job-1/')).toEqual(['jobs/job-1/a', 'jobs/job-1/deep/b']);
    expect(await keysOf(store, 'jobs/job-10/')).toEqual(['jobs/job-10/a']);
    expect(await keysOf(store, 'jobs/')).toEqual(inByteOrder(keys));
  });

  holds('lists in the order of UTF-8 bytes, across folders too', async (store) => {
    // In UTF-16 the crab would come before the full-width tilde; a walk by folders would put `n/b` before `n-a`.
    const keys = [
      'o/\u{1f980}',
      'o/\uff5e',
      'o/n',
      'o/n/b',
      'o/n-a',
      'o/n.b',
      'o/n0',
      'o/Z',
      'o/a',
      'o/10',
      'o/9',
    ];
    await Promise.all(keys.map(async (key) => store.put(key, bytesOf('x'))));
    expect(await keysOf(store, 'o/')).toEqual(inByteOrder(keys));
    for (const [index, after] of inByteOrder(keys).entries())
      expect(await keysOf(store, 'o/', { after })).toEqual(inByteOrder(keys).slice(index + 1));
  });

  holds('goes on after any string, whether or not it is a key', async (store) => {
    for (const key of ['p/a', 'p/b/1', 'p/b/2', 'p/c']) await store.put(key, bytesOf('x'));
    expect(await keysOf(store, 'p/', { after: 'p/aa' })).toEqual(['p/b/1', 'p/b/2', 'p/c']);
    expect(await keysOf(store, 'p/', { after: 'p/b/\u{10ffff}' })).toEqual(['p/c']);
    expect(await keysOf(store, 'p/', { after: 'p/b/1', limit: 1 })).toEqual(['p/b/2']);
    expect(await keysOf(store, 'p/', { after: 'p/z' })).toEqual([]);
  });

  holds('pages without repeating or missing a key', async (store) => {
    const keys = ['q/1', 'q/2', 'q/2/x', 'q/3', 'q/4', 'q/5'];
    await Promise.all(keys.map(async (key) => store.put(key, bytesOf(key))));
    const first = await store.list('q/', { limit: 4 });
    expect(first.objects).toHaveLength(4);
    const second = await store.list('q/', { limit: 4, after: first.next ?? '' });
    expect([...first.objects, ...second.objects].map(({ key }) => key)).toEqual(keys);
    expect(second.next).toBeUndefined();
    expect((await store.list('q/', { limit: 6 })).next).toBeUndefined();
  });

  holds('pages through more than 1,000 keys, and deletes them in one call', async (store) => {
    const keys = Array.from({ length: 1_010 }, (_, index) => `many/${String(index).padStart(5, '0')}`);
    for (let start = 0; start < keys.length; start += racers) {
      const lane = keys.slice(start, start + racers);
      await Promise.all(lane.map(async (key) => store.put(key, bytesOf(key))));
    }
    const first = await store.list('many/');
    expect(first.objects).toHaveLength(1_000);
    const rest = await store.list('many/', { after: first.next ?? '' });
    expect(rest.next).toBeUndefined();
    expect([...first.objects, ...rest.objects].map(({ key }) => key)).toEqual(keys);
    await store.delete(keys);
    expect(await keysOf(store, 'many/')).toEqual([]);
  });

  holds('shows every write and delete that was answered before the list', async (store) => {
    for (let round = 0; round < 10; round++) {
      await store.createIfAbsent(`seen/${round}`, bytesOf('x'));
      expect(await keysOf(store, 'seen/')).toContain(`seen/${round}`);
    }
    await store.delete(['seen/3']);
    expect(await keysOf(store, 'seen/')).not.toContain('seen/3');
  });
}

function describeDeletes(holds: Holds): void {
  holds('deletes several at once and counts a missing one as deleted', async (store) => {
    await Promise.all(['d/a', 'd/b', 'd/c'].map(async (key) => store.put(key, bytesOf('x'))));
    await store.delete(['d/a', 'd/missing', 'd/b']);
    await store.delete(['d/a']);
    await store.delete([]);
    expect((await store.list('d/')).objects.map(({ key }) => key)).toEqual(['d/c']);
    expect(await store.get('d/a')).toBeUndefined();
  });
}

function describeTime(holds: Holds): void {
  /** Drivers over HTTP see whole seconds. */
  const granularityMs = 1_000;

  holds('states when an object was written, by the clock that it answers with', async (store) => {
    const { serverTime: writtenAt } = await store.put('timed/key', bytesOf('x'));
    const got = await store.get('timed/key');
    const page = await store.list('timed/');
    const lastModified = got?.lastModified.getTime() ?? Number.NaN;
    expect(Math.abs(lastModified - writtenAt.getTime())).toBeLessThanOrEqual(60_000);
    expect(lastModified).toBeLessThanOrEqual((got?.serverTime.getTime() ?? 0) + granularityMs);
    expect(lastModified).toBeLessThanOrEqual(page.serverTime.getTime() + granularityMs);
    expect(writtenAt.getTime()).toBeLessThanOrEqual((got?.serverTime.getTime() ?? 0) + granularityMs);
  });

  holds('never dates a later write before an earlier one', async (store) => {
    await store.put('key', bytesOf('one'));
    const first = await store.head('key');
    await store.put('key', bytesOf('two'));
    const second = await store.head('key');
    expect(second?.lastModified.getTime()).toBeGreaterThanOrEqual(first?.lastModified.getTime() ?? Infinity);
  });
}

function describeAbort(holds: Holds): void {
  holds('does nothing for a signal that was aborted before the call', async (store) => {
    const { etag } = await store.put('key', bytesOf('old'));
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(store.get('key', { signal })).rejects.toThrow();
    await expect(store.list('any/', { signal })).rejects.toThrow();
    await expect(store.put('key', bytesOf('new'), { signal })).rejects.toThrow();
    await expect(store.createIfAbsent('other', bytesOf('new'), { signal })).rejects.toThrow();
    await expect(store.replaceIfMatch('key', bytesOf('new'), { signal, etag })).rejects.toThrow();
    await expect(store.copy('key', 'other', { signal })).rejects.toThrow();
    await expect(store.delete(['key'], { signal })).rejects.toThrow();
    expect(await contentOf(store, 'key')).toBe('old');
    expect(await store.head('other')).toBeUndefined();
  });
}

/** The reference order: bytes of the keys' UTF-8, not JavaScript's UTF-16 units. */
function inByteOrder(keys: readonly string[]): readonly string[] {
  return keys.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
}
