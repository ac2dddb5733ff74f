import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { pause, type Clock } from '../lib/base/clock.ts';
import { assert } from '../lib/base/assert.ts';
import { deferred } from '../lib/base/deferred.ts';
import type { Random } from '../lib/base/random.ts';
import type { Instance } from '../lib/contract/journal-entry.ts';
import { type ImdsFact, ImdsFacts } from './imds-facts.ts';
import { ImdsTokens } from './imds-tokens.ts';

/** What goes wrong with the answers, for tests and rehearsals. */
export type ImdsFault =
  | { readonly kind: 'status'; readonly status: number }
  /** Answers late; longer than a caller waits is the same as never. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Cuts the connection in the middle of an answer. */
  | { readonly kind: 'cut' };

export interface ImdsServerOptions {
  readonly instance: Instance;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The instance metadata service of one fake instance, version 2 only: HTTP on a port of this machine's loopback interface.
 * Knows the paths by which EC2 and Auto Scaling announce an end, and the three that name the instance.
 */
export class ImdsServer implements AsyncDisposable {
  /** As `http://127.0.0.1:41234`, for `AWS_EC2_METADATA_SERVICE_ENDPOINT`. */
  readonly endpoint: string;
  readonly #server: Server;
  readonly #clock: Clock;
  readonly #tokens: ImdsTokens;
  readonly #facts: ImdsFacts;
  readonly #ended = new AbortController();
  /** By the path that they disturb; `''` disturbs every path. */
  readonly #faults = new Map<string, ImdsFault>();
  readonly #requests: string[] = [];

  private constructor(server: Server, options: ImdsServerOptions) {
    const address = server.address();
    assert(typeof address === 'object' && address !== null, 'a listening server has an address');
    this.endpoint = `http://127.0.0.1:${address.port}`;
    this.#server = server;
    this.#clock = options.clock;
    this.#tokens = new ImdsTokens(options);
    this.#facts = new ImdsFacts(options);
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  static async start(options: ImdsServerOptions): Promise<ImdsServer> {
    const server = createServer();
    const listening = deferred();
    server.once('error', (error) => listening.reject(error));
    server.listen(0, '127.0.0.1', () => listening.resolve());
    await listening.promise;
    return new ImdsServer(server, options);
  }

  /** Requests so far, oldest first, as `GET /latest/meta-data/instance-id`. The newest thousand. */
  get requests(): readonly string[] {
    return this.#requests;
  }

  /** From now on the service says so. A second announcement of the same kind replaces the first. */
  announce(fact: ImdsFact): void {
    this.#facts.announce(fact);
  }

  /** From now on the service says nothing of the kind any more. EC2 does not take a notice back, but may fail to act on it. */
  withdraw(kind: ImdsFact['kind']): void {
    this.#facts.withdraw(kind);
  }

  /** Ends every token at once, as a restart of the service does. */
  endTokens(): void {
    this.#tokens.endAll();
  }

  /** Disturbs every request from now on, or only those for one path below `/latest/`. Undefined ends it. */
  disturb(fault: ImdsFault | undefined, path = ''): void {
    if (fault === undefined) this.#faults.delete(path);
    else this.#faults.set(path, fault);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    const closed = deferred();
    this.#server.close(() => closed.resolve());
    this.#server.closeAllConnections();
    await closed.promise;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '/';
    this.#requests.push(`${request.method ?? ''} ${url}`);
    if (this.#requests.length > 1_000) this.#requests.shift();
    const path = /^\/latest\/(.+?)\/?$/.exec(url)?.[1] ?? '';
    const fault = this.#faults.get(path) ?? this.#faults.get('');
    if (fault?.kind === 'slow' && !(await pause(this.#clock, fault.ms, this.#ended.signal))) return;
    // The dates of answers are those of the injected clock: a notice's remaining time is measured against them.
    response.sendDate = false;
    response.setHeader('Date', this.#clock.now().toUTCString());
    response.setHeader('Server', 'EC2ws');
    if (fault?.kind === 'cut') return cut(response);
    if (fault?.kind === 'status') return page(response, fault.status);
    if (path === 'api/token') return this.#grantToken(request, response);
    if (!this.#tokens.isValid(header(request, 'x-aws-ec2-metadata-token'))) return page(response, 401);
    if (request.method !== 'GET') return page(response, 405);
    const body = this.#facts.read(path);
    if (body === undefined) return page(response, 404);
    response.setHeader('Content-Type', 'text/plain');
    response.end(body);
  }

  #grantToken(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'PUT') return page(response, 405);
    // The real service refuses what came through a proxy: a forwarded request is how credentials are stolen.
    if (request.headers['x-forwarded-for'] !== undefined) return page(response, 403);
    const asked = header(request, 'x-aws-ec2-metadata-token-ttl-seconds') ?? '';
    // Digits alone: 1e3 and 0x10 are numbers for JavaScript, and no seconds for the service.
    const ttlSeconds = /^\d+$/.test(asked) ? Number(asked) : Number.NaN;
    const token = this.#tokens.grant(ttlSeconds);
    if (token === undefined) return page(response, 400);
    response.setHeader('Content-Type', 'text/plain');
    response.setHeader('X-Aws-Ec2-Metadata-Token-Ttl-Seconds', String(ttlSeconds));
    response.end(token);
  }
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** An error as the real service shows it: a page for people. Who parses the body of a 404 finds no JSON there. */
function page(response: ServerResponse, status: number): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/html');
  response.end(
    `<?xml version="1.0" encoding="iso-8859-1"?>\n<html><head><title>${status}</title></head><body><h1>${status}</h1></body></html>\n`,
  );
}

function cut(response: ServerResponse): void {
  response.setHeader('Content-Length', '64');
  response.write('{"action":"term');
  setImmediate(() => response.destroy());
}
