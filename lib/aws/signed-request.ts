import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Clock } from '../base/clock.ts';
import { withTimeLimit } from '../base/time-limit.ts';
import { awsTimeouts } from './aws-timeouts.ts';

type Credentials = ConstructorParameters<typeof SignatureV4>[0]['credentials'];
type Sha256 = NonNullable<ConstructorParameters<typeof SignatureV4>[0]['sha256']>;

export interface SignedService {
  /** The name by which requests are signed. */
  readonly name: string;
  readonly endpoint: string;
  readonly region: string;
  readonly clock: Clock;
  /** @default the SDK's own chain: environment, profile, instance role */
  readonly credentials?: Credentials;
}

export interface SignedRequest {
  readonly method: 'GET' | 'POST';
  /** Without a query. */
  readonly path: string;
  readonly body?: object;
  readonly signal?: AbortSignal | undefined;
}

/** Of the shape that errors of the SDK have, so that they are translated in the same place. */
class ServiceAnswerError extends Error {
  override readonly name: string;
  readonly $metadata: { readonly httpStatusCode: number; readonly requestId: string | undefined };

  constructor(answer: Response, text: string) {
    super(saidIn(text));
    // As `ValidationException:http://internal.amazon.com/…`.
    this.name = answer.headers.get('x-amzn-errortype')?.split(':')[0] ?? 'UnknownError';
    this.$metadata = {
      httpStatusCode: answer.status,
      requestId: answer.headers.get('x-amzn-requestid') ?? undefined,
    };
  }
}

/**
 * One JSON request to a service of AWS for which no client is installed, signed as the SDK signs its own.
 * @throws errors of the shape that the SDK throws; the caller translates them
 */
export async function sendSigned(service: SignedService, request: SignedRequest): Promise<unknown> {
  const { name, endpoint, region, clock, credentials = defaultProvider() } = service;
  const url = new URL(request.path, endpoint);
  const signer = new SignatureV4({ service: name, region, credentials, sha256: NodeSha256 });
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const signed = await signer.sign(
    {
      method: request.method,
      protocol: url.protocol,
      hostname: url.hostname,
      path: url.pathname,
      ...(url.port === '' ? {} : { port: Number(url.port) }),
      headers: {
        host: url.host,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    },
    { signingDate: clock.now() },
  );
  // `fetch` names the host itself.
  const { host: _, ...headers } = signed.headers;
  return withTimeLimit(
    async (signal) => {
      const init = { method: request.method, headers, signal, redirect: 'error' as const };
      const answer = await fetch(url, body === undefined ? init : { ...init, body }).catch(causeOf);
      const text = await answer.text();
      if (!answer.ok) throw new ServiceAnswerError(answer, text);
      return JSON.parse(text) as unknown;
    },
    { clock, limitMs: awsTimeouts.answerMs, what: `the request to ${url.host}`, signal: request.signal },
  );
}

/** `fetch` hides what befell the connection behind a `TypeError`. */
function causeOf(error: unknown): never {
  throw error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
}

function saidIn(text: string): string {
  try {
    const answer: unknown = JSON.parse(text);
    const said: unknown =
      typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'message') : undefined;
    return typeof said === 'string' ? said : text.slice(0, 200);
  } catch {
    return text.slice(0, 200);
  }
}

/** SHA-256 in the form in which the signer wants it, with a key for HMAC. */
const NodeSha256: Sha256 = class {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(this.#hash.digest()));
  }

  reset(): void {}
};

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array {
  if (typeof data === 'string') return new TextEncoder().encode(data);
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}
