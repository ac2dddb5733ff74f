import { describe, expect, it } from 'vitest';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { describeObjectStore } from './object-store-contract.ts';

describeObjectStore('MemoryObjectStore', async () => ({
  store: new MemoryObjectStore(),
  cleanUp: async () => {},
}));

describe('MemoryObjectStore', () => {
  it('gives equal bodies equal ETags, as S3 does, so that the ABA trap stays visible', async () => {
    const store = new MemoryObjectStore();
    const body = new TextEncoder().encode('A');
    const first = await store.put('key', body);
    await store.put('key', new TextEncoder().encode('B'));
    const again = await store.put('key', body);
    expect(again.etag).toBe(first.etag);
    expect((await store.replaceIfMatch('key', body, { etag: first.etag })).outcome).toBe('replaced');
  });

  it('tells the time of the injected clock', async () => {
    const clock = manualClock();
    const store = new MemoryObjectStore({ clock });
    await store.put('key', new Uint8Array(1));
    await clock.advance(90_000);
    const got = await store.get('key');
    expect((got?.serverTime.getTime() ?? 0) - (got?.lastModified.getTime() ?? 0)).toBe(90_000);
  });

  it('tells several stores apart by name', () => {
    expect(new MemoryObjectStore({ name: 'a' }).uri).toBe('memory:a');
    expect(new MemoryObjectStore({ name: 'b' }).uri).toBe('memory:b');
  });
});
