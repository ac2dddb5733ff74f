import type { IncomingHttpHeaders } from 'node:http';

/** A request as the proxy sees it before it decides. */
export interface AwsRequest {
  /** The name under which the request is signed: `s3`, `sqs`, `autoscaling`, `ec2`, `servicequotas`. */
  readonly service: string;
  /** AWS's own name: PutObject, SendMessage, DescribeInstances. */
  readonly operation: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Arguments of the query protocol, or the fields of a JSON document that are text. */
  readonly params: Readonly<Record<string, string>>;
  /** A PUT that S3 carries out only under a condition. */
  readonly isConditional: boolean;
  /** `bucket/key` for S3 in path style, else empty. */
  readonly object: string;
}

interface RawRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * Tells service and operation of a request in any of the protocols that AWS speaks: S3's REST, JSON with a target (SQS,
 * Service Quotas, Pricing), the query protocol (CloudFormation, Auto Scaling, EC2, STS), CBOR, and REST with JSON (FIS).
 */
export function readAwsRequest({ method, url, headers, body }: RawRequest): AwsRequest {
  const [path = '/', search = ''] = url.split('?', 2);
  const facts = { method, path, headers, body };
  const signedFor = /Credential=[^/]+\/\d+\/[^/]+\/([^/]+)\/aws4_request/.exec(
    headers.authorization ?? '',
  )?.[1];
  const plain = { ...facts, isConditional: false, object: '' };

  const target = /^(?<host>\w+)\.(?<operation>\w+)$/.exec(headerText(headers['x-amz-target']))?.groups;
  if (target !== undefined)
    return {
      ...plain,
      service: signedFor ?? (target['host'] ?? '').replace(/^Amazon|^AWS/, '').toLowerCase(),
      operation: target['operation'] ?? '',
      params: textFields(body),
    };

  const cbor = /^\/service\/(\w+)\/operation\/(\w+)/.exec(path);
  if (cbor !== null)
    return { ...plain, service: signedFor ?? cbor[1] ?? '', operation: cbor[2] ?? '', params: {} };

  if (headerText(headers['content-type']).startsWith('application/x-www-form-urlencoded')) {
    const params = Object.fromEntries(new URLSearchParams(body.toString('utf8')));
    return { ...plain, service: signedFor ?? 'unsigned', operation: params['Action'] ?? '', params };
  }

  if (signedFor === undefined || signedFor === 's3') {
    const query = new URLSearchParams(search);
    return {
      ...facts,
      service: 's3',
      operation: s3Operation({ method, path, query, copies: headers['x-amz-copy-source'] !== undefined }),
      params: Object.fromEntries(query),
      isConditional:
        method === 'PUT' && (headers['if-none-match'] !== undefined || headers['if-match'] !== undefined),
      object: decodeURIComponent(path.slice(1)),
    };
  }
  return { ...plain, service: signedFor, operation: `${method} ${path}`, params: textFields(body) };
}

const headerText = (value: string | readonly string[] | undefined): string => [value ?? ''].flat().join(',');

/** The fields of a JSON document that hold text or numbers; nothing of what is no document. */
function textFields(body: Buffer): Readonly<Record<string, string>> {
  try {
    const document: unknown = JSON.parse(body.toString('utf8'));
    if (typeof document !== 'object' || document === null) return {};
    const plain = Object.entries(document).filter(
      ([, value]) => typeof value === 'string' || typeof value === 'number',
    );
    return Object.fromEntries(plain.map(([name, value]) => [name, String(value)]));
  } catch {
    return {};
  }
}

function s3Operation(asked: {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly copies: boolean;
}): string {
  const { method, path, query, copies } = asked;
  const isObject = /^\/[^/]+\/./.test(path);
  if (isObject) {
    const subResource = [...query.keys()].find((name) => ['uploads', 'uploadId', 'tagging'].includes(name));
    if (subResource !== undefined) return `${method} object?${subResource}`;
    if (method === 'PUT' && copies) return 'CopyObject';
    const names: Readonly<Record<string, string>> = {
      PUT: 'PutObject',
      GET: 'GetObject',
      HEAD: 'HeadObject',
      DELETE: 'DeleteObject',
    };
    return names[method] ?? `${method} object`;
  }
  if (method === 'POST' && query.has('delete')) return 'DeleteObjects';
  if (method === 'GET' && query.get('list-type') === '2') return 'ListObjectsV2';
  const [subResource] = query.keys();
  return `${method} bucket${subResource === undefined ? '' : `?${subResource}`}`;
}
