import { describe, expect, it } from 'vitest';
import { TransientError, remedyOf } from '../../../lib/base/errors.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { describeObjectStore } from '../../lib/store/object-store-contract.ts';
import {
  type Fault,
  FaultyObjectStore,
  type ScriptedFault,
} from '../../../proof/rehearsal/faulty-object-store.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = async (store: MemoryObjectStore, key: string): Promise<string | undefined> => {
  const object = await store.get(key);
  return object === undefined ? undefined : new TextDecoder().decode(object.body);
};

function scripted(...script: readonly ScriptedFault[]): {
  inner: MemoryObjectStore;
  store: FaultyObjectStore;
} {
  const inner = new MemoryObjectStore();
  return { inner, store: new FaultyObjectStore(inner, { random: seededRandom(1), script }) };
}

const createFails = (fault: Fault): ReturnType<typeof scripted> =>
  scripted({ method: 'createIfAbsent', nth: 1, fault });

/** What a hundred creates met. */
const weather = async (seed: number): Promise<string> => {
  const rates = { 'lost-answer': 0.2, refused: 0.1, unavailable: 0.1, 'lands-late': 0.1 };
  const store = new FaultyObjectStore(new MemoryObjectStore(), { random: seededRandom(seed), rates });
  const outcomes: string[] = [];
  for (let slot = 0; slot < 100; slot++)
    outcomes.push(await store.createIfAbsent(`${slot}`, bytes('x')).then(({ outcome }) => outcome, remedyOf));
  expect(store.faults.length).toBeGreaterThan(20);
  expect(new Set(store.faults.map(({ fault }) => fault)).size).toBe(4);
  return outcomes.join();
};

describeObjectStore('FaultyObjectStore without faults', async () => ({
  store: new FaultyObjectStore(new MemoryObjectStore(), { random: seededRandom(1) }),
  cleanUp: async () => {},
}));

describeObjectStore('FaultyObjectStore that delays every call', async () => ({
  store: new FaultyObjectStore(new MemoryObjectStore(), { random: seededRandom(2), rates: { delayed: 0.5 } }),
  cleanUp: async () => {},
}));

describe('FaultyObjectStore', () => {
  it('applies a write whose answer it loses', async () => {
    const { inner, store } = createFails('lost-answer');
    const call = store.createIfAbsent('slot', bytes('x'));
    await expect(call).rejects.toBeInstanceOf(TransientError);
    await expect(call).rejects.toMatchObject({ applied: 'unknown' });
    expect(await text(inner, 'slot')).toBe('x');
  });

  it('applies nothing when it refuses, and says so; when unavailable it does not say so', async () => {
    for (const [fault, applied] of [
      ['refused', 'no'],
      ['unavailable', 'unknown'],
    ] as const) {
      const { inner, store } = createFails(fault);
      await expect(store.createIfAbsent('slot', bytes('x'))).rejects.toMatchObject({ applied });
      expect(await inner.head('slot')).toBeUndefined();
      expect((await store.createIfAbsent('slot', bytes('x'))).outcome).toBe('created');
    }
  });

  it('lands a late write after the caller was told that it failed, with the bytes of the call', async () => {
    const { inner, store } = createFails('lands-late');
    const body = bytes('x');
    await expect(store.createIfAbsent('slot', body)).rejects.toBeInstanceOf(TransientError);
    body.fill(0);
    expect(await inner.head('slot')).toBeUndefined();
    for (let calls = 0; calls < 20; calls++) await store.head('elsewhere');
    expect(await text(inner, 'slot')).toBe('x');
    expect(store.pending).toBe(0);
  });

  it('repeats a zombie’s put after a newer one', async () => {
    const { inner, store } = scripted({ method: 'put', nth: 1, fault: 'repeated-late' });
    await store.put('key', bytes('zombie'));
    expect(await text(inner, 'key')).toBe('zombie');
    await inner.put('key', bytes('newer'));
    await store.settle();
    expect(await text(inner, 'key')).toBe('zombie');
  });

  it('never lets a late conditional write break its condition', async () => {
    const { inner, store } = createFails('lands-late');
    await expect(store.createIfAbsent('slot', bytes('late'))).rejects.toBeInstanceOf(TransientError);
    await inner.createIfAbsent('slot', bytes('first'));
    await store.settle();
    expect(await text(inner, 'slot')).toBe('first');
  });

  it('lets later calls overtake a delayed one', async () => {
    const { inner, store } = scripted({ method: 'put', nth: 1, fault: 'delayed' });
    await Promise.all([store.put('key', bytes('first')), store.put('key', bytes('second'))]);
    expect(await text(inner, 'key')).toBe('first');
  });

  it('counts scripted calls by method and key', async () => {
    const { store } = scripted({ method: 'get', nth: 2, key: 'b', fault: 'unavailable' });
    await store.get('a');
    await store.get('b');
    await store.get('a');
    await expect(store.get('b')).rejects.toBeInstanceOf(TransientError);
    await store.get('b');
    expect(store.faults).toEqual([{ method: 'get', key: 'b', fault: 'unavailable' }]);
  });

  it('has the same weather for the same seed', async () => {
    expect(await weather(7)).toBe(await weather(7));
    expect(await weather(7)).not.toBe(await weather(8));
  });
});
