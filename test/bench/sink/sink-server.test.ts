import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { SinkServer } from '../../../bench/sink/sink-server.ts';
import { pieces, rawDownload, RawUploader } from '../../../bench/harness/raw-transfer.ts';
import { openS3ObjectStore } from '../../../lib/aws/s3-object-store.ts';
import { systemClock } from '../../../lib/base/clock.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';

const megabyte = 1024 * 1024;
const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
const sink = new SinkServer(systemClock);
let endpoint = '';
let store: ObjectStore;

beforeAll(async () => {
  endpoint = `http://127.0.0.1:${await sink.listen()}`;
  store = await openS3ObjectStore(`s3://bench/store?region=us-east-1&endpoint=${endpoint}`, { credentials });
});
afterAll(async () => {
  await store.close();
  sink.close();
});
beforeEach(() => {
  sink.objects.clear();
  sink.set({});
  sink.counted();
});

it('speaks enough S3 for a journal: conditions, reads, lists and deletes', async () => {
  const first = await store.createIfAbsent('jobs/a/1', Buffer.from('one'));
  expect(first.outcome).toBe('created');
  expect(await store.createIfAbsent('jobs/a/1', Buffer.from('two'))).toEqual({ outcome: 'exists' });
  const etag = first.outcome === 'created' ? first.etag : '';
  expect((await store.replaceIfMatch('jobs/a/1', Buffer.from('three'), { etag })).outcome).toBe('replaced');
  expect((await store.replaceIfMatch('jobs/a/1', Buffer.from('four'), { etag })).outcome).toBe('changed');
  expect(Buffer.from((await store.get('jobs/a/1'))?.body ?? []).toString()).toBe('three');
  expect((await store.head('jobs/a/1'))?.bytes).toBe(5);
  expect(await store.get('jobs/a/2')).toBeUndefined();
  for (const key of ['jobs/a/3', 'jobs/a/2', 'jobs/ab/1']) await store.put(key, Buffer.from(key));
  const page = await store.list('jobs/a/', { limit: 2 });
  expect(page.objects.map(({ key }) => key)).toEqual(['jobs/a/1', 'jobs/a/2']);
  const rest = await store.list('jobs/a/', page.next === undefined ? {} : { after: page.next });
  expect(rest.objects.map(({ key }) => key)).toEqual(['jobs/a/3']);
  await store.delete(['jobs/a/1', 'jobs/a/2', 'jobs/a/3']);
  expect((await store.list('jobs/a/')).objects).toEqual([]);
});

it('throws large bodies away, counts them, and keeps them only when told to', async () => {
  const body = Buffer.alloc(2 * megabyte, 7);
  await store.put('large', body);
  expect(sink.objects.get('store/large')).toMatchObject({ bytes: body.length, body: undefined });
  const { requests, receivedBytes } = sink.counted();
  expect(requests).toEqual({ PUT: 1 });
  expect(receivedBytes).toBeGreaterThan(body.length);
  sink.set({ keep: true });
  await store.put('large', body);
  expect(Buffer.from((await store.get('large'))?.body ?? []).equals(body)).toBe(true);
});

it('takes and gives bytes no faster than its line', async () => {
  const bytes = 12 * megabyte;
  // The burst of 4 MiB passes at once.
  const leastMs = ((bytes - 4 * megabyte) / 200e6) * 1_000;
  sink.set({ bytesPerSecond: 200e6, keep: true });
  const uploader = new RawUploader(endpoint, Buffer.alloc(4 * megabyte, 1));
  const startedMs = systemClock.monotonicMs();
  await uploader.put(bytes);
  expect(systemClock.monotonicMs() - startedMs).toBeGreaterThan(leastMs * 0.9);
  uploader.close();
  sink.set({ bytesPerSecond: 200e6 });
  const downloadedFromMs = systemClock.monotonicMs();
  expect(await rawDownload(endpoint, ['bench/raw', 'bench/raw', 'bench/raw'])).toBe(bytes);
  expect(systemClock.monotonicMs() - downloadedFromMs).toBeGreaterThan(leastMs * 0.9);
});

it('cuts a length into pieces of one size and what is left', () => {
  expect(pieces(25, 10)).toEqual([10, 10, 5]);
  expect(pieces(20, 10)).toEqual([10, 10]);
});
