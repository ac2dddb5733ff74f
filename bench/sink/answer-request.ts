import type { RequestHead } from './request-reader.ts';
import type { SinkObject, SinkObjects } from './sink-objects.ts';

export interface SinkAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes of a discarded body are made up when they are read. */
  readonly body: Uint8Array;
  /** The length that a HEAD tells, where it is not that of `body`. */
  readonly bodyBytes?: number;
}

const keysPerPage = 1_000;
const none = new Uint8Array();

/** Served for a body that was discarded: whoever reads it measures transport, not content. */
const filler = new Uint8Array(16 * 1024 * 1024);

/**
 * As much of S3 as the measured clients speak: objects with conditions, lists, deletes, uploads in parts. Path style, any
 * bucket. Nothing is verified: a sink shows what a client costs, never that it is right.
 */
export function answerRequest(
  objects: SinkObjects,
  request: {
    readonly head: RequestHead;
    readonly body: Uint8Array;
    readonly isKept: boolean;
    readonly now: Date;
  },
): SinkAnswer {
  const { head } = request;
  const key = keyOf(head.path);
  switch (head.method) {
    case 'PUT':
      return put(objects, key, request);
    case 'GET':
      return key === '' ? list(objects, head) : read(objects.get(key), head);
    case 'HEAD':
      return key === '' ? ok() : told(objects.get(key));
    case 'POST':
      return post(objects, key, request);
    case 'DELETE':
      objects.delete(key);
      return { status: 204, headers: {}, body: none };
    default:
      return error(405, 'MethodNotAllowed');
  }
}

/** What follows the bucket, decoded. */
function keyOf(path: string): string {
  const slash = path.indexOf('/', 1);
  return slash === -1 ? '' : decodeURIComponent(path.slice(slash + 1));
}

type SinkRequest = Parameters<typeof answerRequest>[1];

function put(objects: SinkObjects, key: string, { head, body, isKept, now }: SinkRequest): SinkAnswer {
  // A part of an upload is an object that nobody ever asks for.
  if (head.query.has('partNumber')) return ok({ etag: `"${head.query.get('partNumber')}"` });
  const source = head.headers.get('x-amz-copy-source');
  if (source !== undefined) return copy(objects, key, { source, now });
  const present = objects.get(key);
  if (head.headers.get('if-none-match') === '*' && present !== undefined)
    return error(412, 'PreconditionFailed');
  const wanted = head.headers.get('if-match');
  if (wanted !== undefined && present === undefined) return error(404, 'NoSuchKey');
  if (wanted !== undefined && wanted !== present?.etag) return error(412, 'PreconditionFailed');
  const stored = objects.put(key, {
    bytes: head.bodyBytes,
    body: isKept ? body : undefined,
    lastModified: now,
  });
  const checksum = head.headers.get('x-amz-checksum-sha256');
  return ok({ etag: stored.etag, ...(checksum !== undefined && { 'x-amz-checksum-sha256': checksum }) });
}

function copy(
  objects: SinkObjects,
  key: string,
  how: { readonly source: string; readonly now: Date },
): SinkAnswer {
  const found = objects.get(keyOf(how.source.startsWith('/') ? how.source : `/${how.source}`));
  if (found === undefined) return error(404, 'NoSuchKey');
  const { bytes, body } = found;
  const { etag } = objects.put(key, { bytes, body, lastModified: how.now });
  return xml('CopyObjectResult', `<ETag>${etag}</ETag><LastModified>${how.now.toISOString()}</LastModified>`);
}

function read(object: SinkObject | undefined, head: RequestHead): SinkAnswer {
  if (object === undefined) return error(404, 'NoSuchKey');
  const whole = object.body ?? filler.subarray(0, object.bytes);
  const range = /^bytes=(\d+)-(\d*)$/.exec(head.headers.get('range') ?? '');
  if (range === null) return { status: 200, headers: headersOf(object), body: whole };
  const [, from = '0', to = ''] = range;
  const end = to === '' ? whole.length : Math.min(whole.length, Number(to) + 1);
  const headers = { ...headersOf(object), 'content-range': `bytes ${from}-${end - 1}/${whole.length}` };
  return { status: 206, headers, body: whole.subarray(Number(from), end) };
}

function told(object: SinkObject | undefined): SinkAnswer {
  if (object === undefined) return { status: 404, headers: {}, body: none };
  return { status: 200, headers: headersOf(object), body: none, bodyBytes: object.bytes };
}

function post(objects: SinkObjects, key: string, { head, body, now }: SinkRequest): SinkAnswer {
  if (head.query.has('uploads')) return xml('InitiateMultipartUploadResult', '<UploadId>u</UploadId>');
  if (head.query.has('uploadId')) {
    const { etag } = objects.put(key, { bytes: 0, body: undefined, lastModified: now });
    return xml('CompleteMultipartUploadResult', `<ETag>${etag}</ETag>`);
  }
  if (!head.query.has('delete')) return error(400, 'InvalidRequest');
  const keys = [
    ...Buffer.from(body)
      .toString()
      .matchAll(/<Key>([^<]*)<\/Key>/g),
  ].map(([, one = '']) => one);
  for (const one of keys) objects.delete(one);
  return xml('DeleteResult', '');
}

function list(objects: SinkObjects, { query }: RequestHead): SinkAnswer {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? query.get('start-after') ?? '';
  const limit = Math.min(keysPerPage, Number(query.get('max-keys') ?? keysPerPage));
  const { keys, isTruncated } = objects.list(prefix, after, limit);
  const contents = keys.map((key) => {
    const object = objects.get(key);
    const facts = `<Size>${object?.bytes ?? 0}</Size><ETag>${object?.etag ?? ''}</ETag>`;
    return `<Contents><Key>${key}</Key>${facts}<LastModified>${object?.lastModified.toISOString()}</LastModified></Contents>`;
  });
  const next = isTruncated ? `<NextContinuationToken>${keys.at(-1)}</NextContinuationToken>` : '';
  return xml(
    'ListBucketResult',
    `<KeyCount>${keys.length}</KeyCount><IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join('')}`,
  );
}

function headersOf({ etag, lastModified }: SinkObject): Record<string, string> {
  return { etag, 'last-modified': lastModified.toUTCString(), 'accept-ranges': 'bytes' };
}

function ok(headers: Record<string, string> = {}): SinkAnswer {
  return { status: 200, headers, body: none };
}

function xml(root: string, content: string): SinkAnswer {
  const text = `<?xml version="1.0" encoding="UTF-8"?><${root}>${content}</${root}>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: Buffer.from(text) };
}

function error(status: number, code: string): SinkAnswer {
  return { ...xml('Error', `<Code>${code}</Code><RequestId>sink</RequestId>`), status };
}
