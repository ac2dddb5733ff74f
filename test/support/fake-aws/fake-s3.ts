import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { AwsTime } from './aws-time.ts';
import { type FakeAnswer, type FakeRequest, ServiceError } from './exchange.ts';
import type { Fault } from './faults.ts';
import { documentOf, element, textsOf } from './xml.ts';

export interface FakeObject {
  readonly body: Buffer;
  readonly etag: string;
  readonly lastModified: Date;
}

type Bucket = Map<string, FakeObject>;

/** S3 as its documentation describes it, as far as an object store of Holdfast goes. One call is one atomic step. */
export class FakeS3 {
  readonly #time: AwsTime;
  readonly #buckets = new Map<string, Bucket>();

  constructor(time: AwsTime) {
    this.#time = time;
  }

  createBucket(name: string): void {
    this.#buckets.set(name, new Map());
  }

  /** What is stored, past all faults. */
  objects(bucket: string): ReadonlyMap<string, FakeObject> {
    return this.#bucket(bucket);
  }

  /** Flips one bit of a stored body, as a disk might. */
  damage(bucket: string, key: string): void {
    const object = this.#object(bucket, key);
    const body = Buffer.from(object.body);
    body[0] = (body[0] ?? 0) ^ 1;
    this.#bucket(bucket).set(key, { ...object, body });
  }

  answer(request: FakeRequest, body: Buffer, fault: Fault | undefined): FakeAnswer {
    switch (request.operation) {
      case 'PutObject':
        return this.#put(request, body);
      case 'CopyObject':
        return this.#copy(request, fault);
      case 'GetObject':
      case 'HeadObject':
        return this.#get(request);
      case 'DeleteObject':
        this.#bucket(request.bucket).delete(request.key);
        return { status: 204 };
      case 'DeleteObjects':
        return this.#deleteMany(request, body, fault);
      case 'ListObjectsV2':
        return this.#list(request);
      default:
        throw new ServiceError(501, 'NotImplemented', `${request.method} ${request.path}`);
    }
  }

  #put(request: FakeRequest, body: Buffer): FakeAnswer {
    const bucket = this.#bucket(request.bucket);
    checkBody(request, body);
    const current = bucket.get(request.key);
    const { 'if-none-match': ifNoneMatch, 'if-match': ifMatch } = request.headers;
    if (ifNoneMatch !== undefined && ifNoneMatch !== '*')
      throw new ServiceError(501, 'NotImplemented', 'only If-None-Match: *');
    if (ifMatch !== undefined && current === undefined) throw new ServiceError(404, 'NoSuchKey');
    if ((ifNoneMatch !== undefined && current !== undefined) || (ifMatch ?? current?.etag) !== current?.etag)
      throw new ServiceError(412, 'PreconditionFailed');
    const { etag } = this.#store(bucket, request.key, body);
    return { status: 200, headers: { etag } };
  }

  #store(bucket: Bucket, key: string, body: Buffer): FakeObject {
    const etag = `"${createHash('md5').update(body).digest('hex')}"`;
    // S3 keeps whole seconds.
    const lastModified = new Date(Math.floor(this.#time.now() / 1_000) * 1_000);
    const object = { body, etag, lastModified };
    bucket.set(key, object);
    return object;
  }

  #copy(request: FakeRequest, fault: Fault | undefined): FakeAnswer {
    const { headers, key } = request;
    const [source = '', ...rest] = (headers['x-amz-copy-source'] ?? '')
      .replace(/^\//, '')
      .split('/')
      .map(decodeURIComponent);
    const from = rest.join('/');
    if (source === request.bucket && from === key) throw new ServiceError(400, 'InvalidRequest');
    if (fault?.kind === 'refuse-in-success') return s3Error(new ServiceError(200, fault.code));
    const { body } = this.#object(source, from);
    const copy = this.#store(this.#bucket(request.bucket), key, body);
    const sha256 = createHash('sha256').update(body).digest('base64');
    return xmlAnswer(
      element('CopyObjectResult', [
        element('ETag', copy.etag),
        element('LastModified', copy.lastModified.toISOString()),
        ...(headers['x-amz-checksum-algorithm'] === 'SHA256' ? [element('ChecksumSHA256', sha256)] : []),
      ]),
    );
  }

  #get({ bucket, key }: FakeRequest): FakeAnswer {
    const { body, etag, lastModified } = this.#object(bucket, key);
    return { status: 200, headers: { etag, 'last-modified': lastModified.toUTCString() }, body };
  }

  #deleteMany(request: FakeRequest, body: Buffer, fault: Fault | undefined): FakeAnswer {
    checkBody(request, body);
    const keys = textsOf(body.toString(), 'Key');
    if (keys.length === 0 || keys.length > 1_000) throw new ServiceError(400, 'MalformedXML');
    if (!['content-md5', 'x-amz-checksum-crc32'].some((name) => request.headers[name] !== undefined))
      throw new ServiceError(400, 'InvalidRequest', 'DeleteObjects needs a checksum');
    const bucket = this.#bucket(request.bucket);
    const results = keys.map((key) => {
      if (fault?.kind === 'refuse-keys')
        return element('Error', [element('Key', key), element('Code', fault.code)]);
      bucket.delete(key);
      return element('Deleted', [element('Key', key)]);
    });
    return xmlAnswer(element('DeleteResult', results));
  }

  #list({ bucket, query }: FakeRequest): FakeAnswer {
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
    const limit = Math.min(Number(query.get('max-keys') ?? 1_000), 1_000);
    const found = [...this.#bucket(bucket)]
      .filter(([key]) => key.startsWith(prefix) && inByteOrder(key, after) > 0)
      .toSorted(([left], [right]) => inByteOrder(left, right));
    const page = found.slice(0, limit);
    return xmlAnswer(
      element('ListBucketResult', [
        element('Name', bucket),
        element('Prefix', prefix),
        element('MaxKeys', limit),
        element('KeyCount', page.length),
        element('IsTruncated', found.length > limit),
        ...(found.length > limit ? [element('NextContinuationToken', page.at(-1)?.[0] ?? '')] : []),
        ...page.map(([key, { body, etag, lastModified }]) =>
          element('Contents', [
            element('Key', key),
            element('LastModified', lastModified.toISOString()),
            element('ETag', etag),
            element('Size', body.length),
            element('StorageClass', 'STANDARD'),
          ]),
        ),
      ]),
    );
  }

  #bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw new ServiceError(404, 'NoSuchBucket');
    return bucket;
  }

  #object(bucket: string, key: string): FakeObject {
    const object = this.#bucket(bucket).get(key);
    if (object === undefined) throw new ServiceError(404, 'NoSuchKey');
    return object;
  }
}

export function s3Error({ status, code, message }: ServiceError): FakeAnswer {
  return xmlAnswer(
    element('Error', [
      element('Code', code),
      element('Message', message),
      element('RequestId', 'FAKE0000000001'),
    ]),
    status,
  );
}

function xmlAnswer(root: string, status = 200): FakeAnswer {
  return { status, headers: { 'content-type': 'application/xml' }, body: documentOf(root) };
}

/** S3 stores only bytes that hash to every digest that came with them. */
function checkBody({ headers }: FakeRequest, body: Buffer): void {
  const hash = (algorithm: string): Buffer => createHash(algorithm).update(body).digest();
  const signed = headers['x-amz-content-sha256'];
  if (signed === undefined) throw new ServiceError(400, 'MissingSecurityHeader');
  if (signed !== 'UNSIGNED-PAYLOAD' && signed !== hash('sha256').toString('hex'))
    throw new ServiceError(400, 'XAmzContentSHA256Mismatch');
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(body));
  const digests = {
    'x-amz-checksum-sha256': () => hash('sha256'),
    'content-md5': () => hash('md5'),
    'x-amz-checksum-crc32': () => crc,
  };
  for (const [name, digest] of Object.entries(digests))
    if (headers[name] !== undefined && headers[name] !== digest().toString('base64'))
      throw new ServiceError(400, 'BadDigest');
}

function inByteOrder(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
