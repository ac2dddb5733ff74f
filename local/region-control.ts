import { timingSafeEqual } from 'node:crypto';
import { rename, unlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { assert } from '../lib/base/assert.ts';
import { deferred } from '../lib/base/deferred.ts';
import { messageOf, NotFoundError } from '../lib/base/errors.ts';
import { unlessMissing } from '../lib/base/file-errors.ts';
import type { Random } from '../lib/base/random.ts';
import { encodeDocument } from '../lib/contract/parse-document.ts';
import { controlFile, interruptionSchema, type InterruptionRequest } from './control-document.ts';
import type { SpotMarket } from './spot-market.ts';

export interface RegionControlOptions {
  /** Of the region; the address is left there. */
  readonly dir: string;
  readonly market: SpotMarket;
  readonly random: Random;
}

/** The longest request is a few words. */
const bodyBytesMax = 4_096;

/**
 * Lets other processes of the same user see and take the machines of a region that runs: HTTP on this machine's loopback
 * interface, with a token in a file that only the user can read. `GET /machines` lists them, `POST /machines/<id>/interruption`
 * interrupts one. What the market is asked for in this way is what its own process would ask for.
 */
export class RegionControl implements AsyncDisposable {
  readonly #server: Server;
  readonly #market: SpotMarket;
  readonly #file: string;
  readonly #token: string;

  private constructor(server: Server, options: RegionControlOptions) {
    this.#server = server;
    this.#market = options.market;
    this.#file = controlFile(options.dir);
    this.#token = options.random.hex(24);
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  /** A file that a crashed region left behind is replaced: the caller holds the folder. */
  static async start(options: RegionControlOptions): Promise<RegionControl> {
    const server = createServer();
    const listening = deferred();
    server.once('error', (error) => listening.reject(error));
    server.listen(0, '127.0.0.1', () => listening.resolve());
    await listening.promise;
    const control = new RegionControl(server, options);
    await control.#publish();
    return control;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await unlessMissing(unlink(this.#file));
    const closed = deferred();
    this.#server.close(() => closed.resolve());
    this.#server.closeAllConnections();
    await closed.promise;
  }

  async #publish(): Promise<void> {
    const address = this.#server.address();
    assert(typeof address === 'object' && address !== null, 'a listening server has an address');
    const endpoint = `http://127.0.0.1:${address.port}`;
    const draft = `${this.#file}.${process.pid}`;
    await writeFile(draft, encodeDocument({ format: 1, endpoint, token: this.#token }), { mode: 0o600 });
    await rename(draft, this.#file);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { status, body } = await this.#act(request);
      send(response, status, body);
    } catch (error) {
      send(response, error instanceof NotFoundError ? 404 : 500, { error: messageOf(error) });
    }
  }

  async #act(request: IncomingMessage): Promise<{ readonly status: number; readonly body: object }> {
    if (!this.#isAllowed(request.headers.authorization)) return { status: 401, body: {} };
    const { method, url = '' } = request;
    if (method === 'GET' && url === '/machines') return { status: 200, body: this.#machines() };
    const [, instanceId] = /^\/machines\/(i-[0-9a-f]+)\/interruption$/.exec(url) ?? [];
    if (method !== 'POST' || instanceId === undefined) return { status: 404, body: {} };
    const asked = interruptionSchema.safeParse(await readJson(request));
    if (!asked.success) return { status: 400, body: { error: asked.error.message } };
    return { status: 202, body: await this.#interrupt(instanceId, asked.data) };
  }

  #machines(): object {
    return {
      format: 1,
      machines: this.#market.instances.map(({ instance, pid, logFile, startedAt, deadline }) => ({
        instance,
        pid,
        logFile,
        startedAt: startedAt.toISOString(),
        remainingMs: deadline === undefined ? null : Math.max(0, deadline.remainingMs()),
      })),
    };
  }

  async #interrupt(instanceId: string, asked: InterruptionRequest): Promise<object> {
    if (asked.kind === 'kill') {
      await this.#market.kill(instanceId);
      return { format: 1, remainingMs: 0 };
    }
    const { noticeMs } = asked;
    const { deadline } = this.#market.interrupt(instanceId, noticeMs === undefined ? {} : { noticeMs });
    return { format: 1, remainingMs: Math.max(0, deadline.remainingMs()) };
  }

  #isAllowed(authorization: string | undefined): boolean {
    const given = Buffer.from(authorization ?? '');
    const wanted = Buffer.from(`Bearer ${this.#token}`);
    return given.length === wanted.length && timingSafeEqual(given, wanted);
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    assert(Buffer.isBuffer(part), 'a request is read as bytes');
    bytes += part.length;
    if (bytes > bodyBytesMax) return undefined;
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    // Answered as any other request that nobody understands.
    return undefined;
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json');
  // Nobody asks twice in a row, and a connection that stays would hold up the end of both sides.
  response.setHeader('Connection', 'close');
  response.end(JSON.stringify(body));
}
