import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { AccessDeniedError, messageOf, TransientError, UsageError } from '../base/errors.ts';
import { withTimeLimit } from '../base/time-limit.ts';

export const defaultImdsEndpoint = 'http://169.254.169.254';

export interface ImdsAnswer {
  readonly body: string;
  /** The service's own clock when it answered (`Date`, whole seconds). */
  readonly date: Date;
}

/** What the sources need of a client. */
export interface ImdsReader {
  get(path: string, signal?: AbortSignal): Promise<ImdsAnswer | undefined>;
}

export interface ImdsClientOptions {
  /** @default 'http://169.254.169.254' */
  readonly endpoint?: string | undefined;
  readonly clock: Clock;
  /** For each request. IMDS answers within milliseconds; two seconds leave room for a retry between two polls. @default 2000 */
  readonly timeoutMs?: number;
}

/** Asked for with each token: six hours, the longest that IMDS grants. */
const tokenTtlSeconds = 21_600;

/** A token is replaced while it still holds, so that no poll is lost to its end. */
const tokenMarginMs = 15_000;

/** The longest document that we read is a list of maintenance events, a few kilobytes. */
const bodyBytesMax = 256 * 1024;

/**
 * Where IMDS is, for a process with this environment: `AWS_EC2_METADATA_SERVICE_ENDPOINT` (the SDK's own variable), else the
 * link-local address. Undefined where `AWS_EC2_METADATA_DISABLED` is `true` and no endpoint is named.
 */
export function imdsEndpointFrom(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const named = env['AWS_EC2_METADATA_SERVICE_ENDPOINT'];
  if (named !== undefined && named !== '') return named;
  return env['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true' ? undefined : defaultImdsEndpoint;
}

/** The instance metadata service, version 2 only: no request is ever sent without a token. */
export class ImdsClient implements ImdsReader {
  readonly endpoint: string;
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  // Own agent: no proxy of the environment stands between an instance and its metadata, and no idle connection is left
  // over that the other end may close just as the next poll uses it.
  readonly #agent = new Agent({ keepAlive: false });
  #token: Promise<Token> | undefined;

  /** @throws UsageError when `endpoint` is no HTTP address */
  constructor(options: ImdsClientOptions) {
    this.endpoint = (options.endpoint ?? defaultImdsEndpoint).replace(/\/+$/, '');
    if (!URL.canParse(this.endpoint) || new URL(this.endpoint).protocol !== 'http:') {
      throw new UsageError(`\`${this.endpoint}\` is no address of an instance metadata service.`, {
        hint: `Set AWS_EC2_METADATA_SERVICE_ENDPOINT to an http address, or unset it for ${defaultImdsEndpoint}.`,
      });
    }
    this.#clock = options.clock;
    this.#timeoutMs = options.timeoutMs ?? 2_000;
  }

  /**
   * Reads `/latest/<path>`, as `meta-data/instance-id`. Undefined: 404, the normal answer for a notice that is not there.
   * @throws TransientError for time-outs, refused connections, 5xx and anything else that is no answer
   * @throws AccessDeniedError for 403: the service is switched off for this instance
   */
  async get(path: string, signal?: AbortSignal): Promise<ImdsAnswer | undefined> {
    const first = await this.#getWithToken(path, signal);
    const answer = first.status === 401 ? await this.#getWithNewToken(path, signal) : first;
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw unexpected(answer.status, this.endpoint, path);
    const date = new Date(answer.headers.date ?? Number.NaN);
    // IMDS always dates its answers; without a date the machine's own clock, which EC2 keeps in step, has to serve.
    return { body: answer.body, date: Number.isNaN(date.getTime()) ? this.#clock.now() : date };
  }

  async #getWithNewToken(path: string, signal: AbortSignal | undefined): Promise<HttpAnswer> {
    this.#token = undefined;
    return this.#getWithToken(path, signal);
  }

  async #getWithToken(path: string, signal: AbortSignal | undefined): Promise<HttpAnswer> {
    const { value } = await this.#currentToken();
    return this.#send({
      method: 'GET',
      path: `/latest/${path}`,
      headers: { 'x-aws-ec2-metadata-token': value },
      signal,
    });
  }

  /** Sources that poll at the same time share one request for a token, so it answers to no one caller's signal. */
  async #currentToken(): Promise<Token> {
    const known = this.#token;
    if (known !== undefined) {
      const token = await known;
      if (token.expiresAtMonotonicMs - this.#clock.monotonicMs() > token.marginMs) return token;
      if (this.#token === known) this.#token = undefined;
    }
    this.#token ??= this.#requestToken();
    const requested = this.#token;
    try {
      return await requested;
    } catch (error) {
      if (this.#token === requested) this.#token = undefined;
      throw error;
    }
  }

  async #requestToken(): Promise<Token> {
    const askedAtMonotonicMs = this.#clock.monotonicMs();
    const path = '/latest/api/token';
    const ttlHeader = 'x-aws-ec2-metadata-token-ttl-seconds';
    const answer = await this.#send({
      method: 'PUT',
      path,
      headers: { [ttlHeader]: String(tokenTtlSeconds) },
    });
    if (answer.status !== 200) throw unexpected(answer.status, this.endpoint, 'api/token');
    const granted = Number(answer.headers[ttlHeader] ?? tokenTtlSeconds);
    const ttlMs = 1_000 * (granted > 0 ? granted : tokenTtlSeconds);
    return {
      value: answer.body.trim(),
      expiresAtMonotonicMs: askedAtMonotonicMs + ttlMs,
      // A service that grants seconds only would otherwise be asked for a token with every request.
      marginMs: Math.min(tokenMarginMs, ttlMs / 2),
    };
  }

  async #send(options: HttpRequest): Promise<HttpAnswer> {
    const what = `the request to IMDS at ${this.endpoint}`;
    try {
      return await withTimeLimit(
        (signal) =>
          sendRequest(new URL(options.path, this.endpoint), { ...options, signal, agent: this.#agent }),
        { clock: this.#clock, limitMs: this.#timeoutMs, what, signal: options.signal },
      );
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof TransientError) throw error;
      throw new TransientError(`IMDS at ${this.endpoint} cannot be reached: ${messageOf(error)}.`, {
        facts: { path: options.path },
        hint: 'In a container, use the host network or a hop limit of 2; outside EC2 there is no IMDS.',
        cause: error,
      });
    }
  }
}

interface Token {
  readonly value: string;
  readonly expiresAtMonotonicMs: number;
  readonly marginMs: number;
}

interface HttpRequest {
  readonly method: 'GET' | 'PUT';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function unexpected(status: number, endpoint: string, path: string): Error {
  const facts = { path, status };
  return status === 403
    ? new AccessDeniedError(`IMDS at ${endpoint} refuses every request.`, {
        facts,
        hint: 'Enable the metadata endpoint of the instance (HttpEndpoint=enabled).',
      })
    : new TransientError(`IMDS at ${endpoint} gave no answer that can be used.`, { facts });
}

function sendRequest(
  url: URL,
  options: Omit<HttpRequest, 'signal'> & { readonly signal: AbortSignal; readonly agent: Agent },
): Promise<HttpAnswer> {
  const { method, headers, signal, agent } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, signal, agent }, (incoming) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      incoming.on('data', (part: Buffer) => {
        parts.push(part);
        bytes += part.length;
        if (bytes > bodyBytesMax) incoming.destroy(new Error(`the answer exceeds ${bodyBytesMax} bytes`));
      });
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: Buffer.concat(parts).toString('utf8'),
        }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}
