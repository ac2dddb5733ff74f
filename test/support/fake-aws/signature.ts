import { createHash, createHmac } from 'node:crypto';
import { type FakeRequest, ServiceError } from './exchange.ts';

export interface FakeCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: Uint8Array | string, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

/**
 * Checks the signature of a request (AWS Signature Version 4), so that a payload hash that is not the signed one fails.
 * @throws ServiceError 403, as S3
 */
export function checkSignature(request: FakeRequest, body: Uint8Array, credentials: FakeCredentials): void {
  const { headers } = request;
  const parts = /^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
    headers['authorization'] ?? '',
  );
  if (parts === null) throw new ServiceError(403, 'AccessDenied', 'the request is not signed');
  const [, credential = '', signedHeaders = '', signature] = parts;
  const [accessKeyId, date = '', region = '', service = ''] = credential.split('/');
  if (accessKeyId !== credentials.accessKeyId)
    throw new ServiceError(403, service === 's3' ? 'InvalidAccessKeyId' : 'InvalidClientTokenId');
  const canonical = [
    request.method,
    request.path,
    canonicalQuery(request.query),
    ...signedHeaders.split(';').map((name) => `${name}:${headers[name]?.trim() ?? ''}`),
    '',
    signedHeaders,
    headers['x-amz-content-sha256'] ?? sha256(body),
  ].join('\n');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'] ?? '', scope, sha256(canonical)].join('\n');
  const key = [region, service, 'aws4_request'].reduce(
    (signing, part) => hmac(signing, part),
    hmac(`AWS4${credentials.secretAccessKey}`, date),
  );
  if (hmac(key, text).toString('hex') !== signature) throw new ServiceError(403, 'SignatureDoesNotMatch');
}

/** @throws ServiceError 403 when the client's clock is more than 15 minutes off */
export function checkSkew(request: FakeRequest, nowMs: number): void {
  const stamp = request.headers['x-amz-date'] ?? '';
  const sent = stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  if (!(Math.abs(new Date(sent).getTime() - nowMs) <= 15 * 60_000))
    throw new ServiceError(403, 'RequestTimeTooSkewed');
}

function canonicalQuery(query: URLSearchParams): string {
  return [...query]
    .map(([name, value]) => `${escaped(name)}=${escaped(value)}`)
    .toSorted()
    .join('&');
}

function escaped(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (sign) => `%${sign.codePointAt(0)?.toString(16).toUpperCase()}`,
  );
}
