import { describe, expect, it, vi } from 'vitest';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { AccessDeniedError, CorruptionError, TransientError } from '../../../lib/base/errors.ts';
import { openS3ObjectStore } from '../../../lib/aws/s3-object-store.ts';
import { ManualTime } from '../../support/fake-aws/aws-time.ts';
import { openFakeStore } from '../../support/fake-aws/open-fake-drivers.ts';
import { describeObjectStore } from '../store/object-store-contract.ts';

describeObjectStore('S3ObjectStore', async () => {
  const opened = await openFakeStore();
  return { store: opened.store, cleanUp: async () => opened[Symbol.asyncDispose]() };
});

describeObjectStore('S3ObjectStore in compat mode', async () => {
  const opened = await openFakeStore({ settings: '&compat=true' });
  return { store: opened.store, cleanUp: async () => opened[Symbol.asyncDispose]() };
});

const body = new TextEncoder().encode('the bytes of a chunk');
const sha256 = sha256Hex(body);

describe('what S3ObjectStore sends', () => {
  it('signs and checks every body by the digest that is known already, and computes no other', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    const { etag } = await store.put('put', body, { sha256 });
    await store.createIfAbsent('created', body, { sha256 });
    await store.replaceIfMatch('put', body, { etag, sha256 });
    // Without a digest the driver hashes the body itself, once.
    await store.put('unnamed', body);
    const puts = aws.asked('PutObject');
    expect(puts).toHaveLength(4);
    for (const { headers } of puts) {
      expect(headers).toMatchObject({
        'x-amz-content-sha256': sha256,
        'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64'),
        'content-length': String(body.length),
      });
      expect(headers['authorization']).toContain('x-amz-content-sha256');
      expect(Object.keys(headers).filter((name) => /crc|x-amz-trailer|content-md5/.test(name))).toEqual([]);
    }
  });

  it('does not hash a body whose digest is stated: a wrong one travels, and S3 refuses it', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    const wrong = sha256Hex('something else');
    await expect(store.put('key', body, { sha256: wrong })).rejects.toBeInstanceOf(CorruptionError);
    expect(aws.asked('PutObject')[0]?.headers['x-amz-content-sha256']).toBe(wrong);
    expect(aws.s3.objects('bucket').size).toBe(0);
  });

  it('asks for no checksum of a download: whoever knows the digest checks it', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    await store.put('key', body);
    await store.get('key');
    expect(aws.asked('GetObject')[0]?.headers).not.toHaveProperty('x-amz-checksum-mode');
  });

  it('states the condition of conditional writes, and none for a plain put', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    const { etag } = await store.put('key', body);
    await store.createIfAbsent('key', body);
    await store.replaceIfMatch('key', body, { etag });
    const conditions = aws
      .asked('PutObject')
      .map(({ headers }) => [headers['if-none-match'], headers['if-match']]);
    expect(conditions).toEqual([
      [undefined, undefined],
      ['*', undefined],
      [undefined, etag],
    ]);
  });

  it('keeps one connection for calls in turn, large bodies included', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    const large = new Uint8Array(3 * 2 ** 20);
    for (let round = 0; round < 3; round++) await store.put('large', large);
    await store.get('large');
    await store.list('nothing/');
    expect(aws.connections).toBe(1);
    expect(aws.requests.every(({ headers }) => headers['expect'] === undefined)).toBe(true);
  });

  it('keeps its keys below the prefix of its address', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    await store.put('jobs/a', body);
    expect([...aws.s3.objects('bucket').keys()]).toEqual(['pre/fix/jobs/a']);
    expect((await store.list('jobs/')).objects.map(({ key }) => key)).toEqual(['jobs/a']);
  });

  it('asks S3 itself to copy, below the prefix, and for the digest of the copy', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    await store.put('from a/b+c', body);
    expect(await store.copy('from a/b+c', 'to')).toMatchObject({ outcome: 'copied', sha256 });
    const [request] = aws.asked('CopyObject');
    expect(request?.headers).toMatchObject({
      'x-amz-copy-source': 'bucket/pre/fix/from%20a/b%2Bc',
      'x-amz-checksum-algorithm': 'SHA256',
    });
    expect(request?.body).toHaveLength(0);
    expect(aws.asked('GetObject')).toHaveLength(0);
  });

  it('deletes one key by itself and many in batches of 1,000', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    await store.delete(['single']);
    await store.delete(Array.from({ length: 2_001 }, (_, index) => `key ${index} <&> '"`));
    expect(aws.requests.map(({ operation }) => operation)).toEqual([
      'DeleteObject',
      'DeleteObjects',
      'DeleteObjects',
      'DeleteObjects',
    ]);
  });

  it('sends a store with compat nothing that S3-like stores may not know', async () => {
    await using opened = await openFakeStore({ settings: '&compat=true' });
    const { aws, store } = opened;
    await store.put('key', body, { sha256 });
    expect(await store.copy('key', 'copy')).toMatchObject({ outcome: 'copied', sha256: undefined });
    await store.delete(['key', 'other']);
    expect(aws.asked('PutObject')[0]?.headers).toMatchObject({ 'x-amz-content-sha256': sha256 });
    expect(aws.asked('CopyObject')[0]?.headers).not.toHaveProperty('x-amz-checksum-algorithm');
    expect(aws.requests.flatMap(({ headers }) => Object.keys(headers))).not.toContain(
      'x-amz-checksum-sha256',
    );
    expect(aws.asked('DeleteObject')).toHaveLength(2);
    await expect(store.put('key', body, { sha256: sha256Hex('x') })).rejects.toBeInstanceOf(CorruptionError);
  });
});

describe('what S3ObjectStore understands', () => {
  it('tells the store’s own time from the Date header, not this machine’s', async () => {
    const time = new ManualTime(new Date('2031-05-06T07:08:09Z'));
    await using opened = await openFakeStore({ time });
    const { store } = opened;
    const written = await store.put('key', body);
    await time.advance(90_000);
    const got = await store.get('key');
    const page = await store.list('');
    expect(written.serverTime).toEqual(new Date('2031-05-06T07:08:09Z'));
    expect(got?.lastModified).toEqual(written.serverTime);
    expect(got?.serverTime).toEqual(new Date('2031-05-06T07:09:39Z'));
    expect(page.serverTime).toEqual(got?.serverTime);
  });

  it('recovers on the next try from a clock that is far off', async () => {
    const time = new ManualTime(new Date('2031-05-06T07:08:09Z'));
    await using opened = await openFakeStore({ time, checksSkew: true });
    const first = await opened.store.put('key', body).catch((error: unknown) => error);
    expect(first).toMatchObject({ code: 'TRANSIENT', applied: 'no', hint: expect.stringContaining('clock') });
    expect((await opened.store.createIfAbsent('key', body)).outcome).toBe('created');
  });

  it('names a missing bucket, but knows no difference for head', async () => {
    await using opened = await openFakeStore();
    const elsewhere = await openS3ObjectStore(opened.aws.storeUri('missing-bucket'), {
      credentials: opened.aws.credentials,
    });
    const calls = [
      elsewhere.get('key'),
      elsewhere.list(''),
      elsewhere.put('key', body),
      elsewhere.createIfAbsent('key', body),
      elsewhere.replaceIfMatch('key', body, { etag: '"x"' }),
      elsewhere.delete(['key']),
    ];
    for (const settled of await Promise.allSettled(calls))
      expect(settled).toMatchObject({
        status: 'rejected',
        reason: { code: 'UNFIT', hint: expect.stringContaining('check the address') },
      });
    expect(await elsewhere.head('key')).toBeUndefined();
    await elsewhere.close();
  });

  it('tells refused credentials from anything else, by every method', async () => {
    await using opened = await openFakeStore({
      credentials: { accessKeyId: 'FAKEACCESSKEY', secretAccessKey: 'wrong' },
    });
    const { store } = opened;
    const calls = [
      store.get('key'),
      store.head('key'),
      store.list(''),
      store.put('key', body),
      store.createIfAbsent('key', body),
      store.replaceIfMatch('key', body, { etag: '"x"' }),
      store.copy('key', 'other'),
      store.delete(['key']),
      store.delete(['key', 'other']),
    ];
    for (const settled of await Promise.allSettled(calls))
      expect(settled).toMatchObject({ status: 'rejected', reason: { code: 'ACCESS_DENIED' } });
  });

  it('finds the failure of a copy inside an answer that says success', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    await store.put('from', body);
    for (const code of ['InternalError', 'SlowDown']) {
      aws.faults.add({ operation: 'CopyObject', fault: { kind: 'refuse-in-success', code } });
      await expect(store.copy('from', 'to')).rejects.toBeInstanceOf(TransientError);
    }
    expect(aws.s3.objects('bucket').has('pre/fix/to')).toBe(false);
    expect((await store.copy('from', 'to')).outcome).toBe('copied');
  });

  it('finds the failure of one key inside an answer that says success', async () => {
    await using opened = await openFakeStore();
    const { aws, store } = opened;
    aws.faults.add({ operation: 'DeleteObjects', fault: { kind: 'refuse-keys', code: 'AccessDenied' } });
    await expect(store.delete(['a', 'b'])).rejects.toBeInstanceOf(AccessDeniedError);
    aws.faults.add({ operation: 'DeleteObjects', fault: { kind: 'refuse-keys', code: 'InternalError' } });
    await expect(store.delete(['a', 'b'])).rejects.toBeInstanceOf(TransientError);
    await store.delete(['a', 'b']);
  });
});

describe('openS3ObjectStore', () => {
  it('spells the store with its region, from wherever that came', async () => {
    vi.stubEnv('AWS_REGION', 'eu-north-1');
    try {
      expect((await openS3ObjectStore('s3://bucket/a/b/')).uri).toBe('s3://bucket/a/b?region=eu-north-1');
      expect((await openS3ObjectStore('s3://bucket?region=us-west-2')).uri).toBe(
        's3://bucket?region=us-west-2',
      );
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('asks for a region where nothing names one', async () => {
    vi.stubEnv('AWS_REGION', '');
    vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');
    try {
      await expect(openS3ObjectStore('s3://bucket')).rejects.toMatchObject({
        code: 'USAGE',
        hint: expect.stringContaining('AWS_REGION'),
      });
      const { uri } = await openS3ObjectStore('s3://bucket?endpoint=http://127.0.0.1:9');
      expect(uri).toContain('region=us-east-1');
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
