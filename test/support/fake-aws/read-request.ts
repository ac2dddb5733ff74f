import type { IncomingMessage } from 'node:http';
import type { FakeRequest } from './exchange.ts';

/** Which operation of which service a request asks for. */
export function readRequest(incoming: IncomingMessage): FakeRequest {
  const { method = 'GET', url = '/' } = incoming;
  const [path = '/', search = ''] = url.split('?', 2);
  const headers = Object.fromEntries(
    Object.entries(incoming.headers).map(([name, value]) => [name, [value].flat().join(',')]),
  );
  const facts = { method, path, query: new URLSearchParams(search), headers };
  const target = /^AmazonSQS\.(\w+)$/.exec(headers['x-amz-target'] ?? '')?.[1];
  if (target !== undefined) return { service: 'sqs', operation: target, bucket: '', key: '', ...facts };
  const [, bucket = '', ...rest] = path.split('/');
  const key = decodeURIComponent(rest.join('/'));
  const isCopy = headers['x-amz-copy-source'] !== undefined;
  const operation = s3Operation({ method, key, query: facts.query, isCopy });
  return { service: 's3', operation, bucket: decodeURIComponent(bucket), key, ...facts };
}

function s3Operation(asked: {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly isCopy: boolean;
}): string {
  const { method, key, query, isCopy } = asked;
  const names: Readonly<Record<string, string>> =
    key === ''
      ? {
          ...(query.has('delete') ? { POST: 'DeleteObjects' } : {}),
          ...(query.get('list-type') === '2' ? { GET: 'ListObjectsV2' } : {}),
        }
      : {
          PUT: isCopy ? 'CopyObject' : 'PutObject',
          GET: 'GetObject',
          HEAD: 'HeadObject',
          DELETE: 'DeleteObject',
        };
  return names[method] ?? `${method} ${key === '' ? 'bucket' : 'object'}`;
}
