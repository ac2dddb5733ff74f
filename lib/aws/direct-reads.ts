import { createHash, type Hash } from 'node:crypto';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { AwsTimeouts } from './aws-timeouts.ts';
import { parseResponseHead, type ResponseHead } from './response-head.ts';

/** What the SDK has signed and would send. */
export interface SignedGet {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

export interface DirectRead {
  readonly head: ResponseHead;
  /** The body, as a view of the caller's memory. */
  readonly body: Uint8Array;
  /** Of the body, hashed as it arrived, where that was wished. */
  readonly sha256: string | undefined;
}

export interface ReadTarget {
  readonly into: Uint8Array;
  /** Hash the body while it arrives. */
  readonly hashes: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Heads of S3 are below 2 KiB; what is longer is nobody's whom we know. */
const headBytesMax = 16 * 1024;
/** Connections that wait for the next read: as many as a transfer thread has lanes, with some to spare. */
const idleMax = 16;

/**
 * Reads bodies of a known length from the socket right into the caller's memory. Node's own client allocates, copies and
 * announces every 64 KiB, which takes more of a core than hashing what arrives. It knows the plain success alone: a
 * whole answer 200 with its length. For everything else it answers undefined, and the caller asks again by the SDK.
 */
export class DirectReads {
  readonly #timeouts: AwsTimeouts;
  readonly #idle = new Map<string, Set<ReadingSocket>>();

  constructor(timeouts: AwsTimeouts) {
    this.#timeouts = timeouts;
  }

  /**
   * One GET, made once.
   * @returns undefined when the answer is not a plain success, does not fit into `into`, or a kept connection was closed meanwhile
   * @throws an error with the code of Node's sockets when the connection fails or breaks; the reason of `signal`
   */
  async get(request: SignedGet, { into, hashes, signal }: ReadTarget): Promise<DirectRead | undefined> {
    const bytes = requestBytes(request);
    if (bytes === undefined) return undefined;
    signal?.throwIfAborted();
    const place = `${request.protocol}//${request.hostname}:${request.port ?? ''}`;
    const kept = this.#take(place);
    const reading = kept ?? new ReadingSocket(request, this.#timeouts);
    const onAbort = (): void => reading.destroy();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const read = await reading.exchange(bytes, into, hashes ? createHash('sha256') : undefined);
      if (read !== undefined && read.head.keepsConnection) this.#keep(place, reading);
      else reading.destroy();
      return read;
    } catch (error) {
      reading.destroy();
      signal?.throwIfAborted();
      if (kept !== undefined && !reading.hasAnswered) return undefined;
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  close(): void {
    for (const idle of this.#idle.values()) for (const reading of idle) reading.destroy();
    this.#idle.clear();
  }

  /** The one that rested last: the store closes those that rest long. */
  #take(place: string): ReadingSocket | undefined {
    const idle = this.#idle.get(place);
    const newest = [...(idle ?? [])].at(-1);
    if (newest !== undefined) idle?.delete(newest);
    return newest;
  }

  #keep(place: string, reading: ReadingSocket): void {
    const idle = this.#idle.get(place) ?? new Set();
    this.#idle.set(place, idle);
    if (idle.size < idleMax && reading.rest(() => idle.delete(reading))) idle.add(reading);
    else reading.destroy();
  }
}

interface Exchange {
  readonly into: Uint8Array;
  readonly hash: Hash | undefined;
  head: ResponseHead | undefined;
  filled: number;
  readonly resolve: (read: DirectRead | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** One connection. The system writes a body where it belongs, since each read is given the very place. */
class ReadingSocket {
  /** A byte of the current answer has come. */
  hasAnswered = false;
  readonly #timeouts: AwsTimeouts;
  readonly #socket: Socket;
  readonly #scratch = new Uint8Array(headBytesMax);
  #headFilled = 0;
  #exchange: Exchange | undefined;
  #onGone: () => void = () => {};

  constructor({ protocol, hostname, port }: SignedGet, timeouts: AwsTimeouts) {
    this.#timeouts = timeouts;
    const onread = {
      buffer: () => this.#next(),
      callback: (bytes: number) => this.#read(bytes),
    };
    const isTls = protocol === 'https:';
    const to = { host: hostname, port: port ?? (isTls ? 443 : 80), onread };
    this.#socket = isTls
      ? connectTls({
          ...to,
          // An address is no name that a server could be asked for.
          ...(isIP(hostname) === 0 && { servername: hostname }),
          ALPNProtocols: ['http/1.1'],
        })
      : connectPlain(to);
    this.#socket.setNoDelay(true);
    this.#socket.setTimeout(timeouts.connectMs);
    this.#socket.once(isTls ? 'secureConnect' : 'connect', () => {
      if (this.#exchange?.head === undefined) this.#socket.setTimeout(timeouts.answerMs);
    });
    this.#socket.on('timeout', () => this.#fail(socketError('ETIMEDOUT', 'the store has fallen silent')));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('end', () => this.#fail(socketError('ECONNRESET', 'the answer was cut')));
    this.#socket.on('close', () => this.#fail(socketError('ECONNRESET', 'the connection was closed')));
  }

  exchange(request: Uint8Array, into: Uint8Array, hash: Hash | undefined): Promise<DirectRead | undefined> {
    this.#onGone = () => {};
    this.hasAnswered = false;
    this.#socket.ref();
    if (!this.#socket.connecting) this.#socket.setTimeout(this.#timeouts.answerMs);
    return new Promise((resolve, reject) => {
      this.#exchange = { into, hash, head: undefined, filled: 0, resolve, reject };
      this.#socket.write(request);
    });
  }

  /** Between two exchanges; false when the connection is gone. A process may end while it rests. */
  rest(onGone: () => void): boolean {
    if (this.#socket.destroyed || this.#socket.readableEnded) return false;
    this.#onGone = onGone;
    this.#socket.setTimeout(0);
    this.#socket.unref();
    return true;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Where the next bytes belong: what is still missing of a body, else the memory for heads. */
  #next(): Uint8Array {
    const { head, into, filled } = this.#exchange ?? {};
    if (head === undefined || into === undefined || filled === undefined)
      return this.#scratch.subarray(Math.min(this.#headFilled, headBytesMax - 1));
    return into.subarray(filled, head.length);
  }

  #read(bytes: number): boolean {
    const exchange = this.#exchange;
    if (exchange === undefined) {
      // Nobody asked: such a connection is not to be trusted with another question.
      this.#fail(socketError('ECONNRESET', 'the store spoke unasked'));
      return false;
    }
    this.hasAnswered = true;
    const before = exchange.filled;
    if (exchange.head !== undefined) exchange.filled += bytes;
    else if (!this.#readHead(exchange, bytes)) return true;
    const { head, filled, into, hash } = exchange;
    // While more is on its way, instead of all at the end, when the line would wait.
    hash?.update(into.subarray(before, filled));
    if (head === undefined || filled < head.length) return true;
    this.#exchange = undefined;
    // The next head begins at the beginning: the place for it is asked for right after this.
    this.#headFilled = 0;
    exchange.resolve({ head, body: into.subarray(0, filled), sha256: hash?.digest('hex') });
    return true;
  }

  /** True once the head is whole; what came behind it is the beginning of the body. */
  #readHead(exchange: Exchange, bytes: number): boolean {
    this.#headFilled += bytes;
    const received = this.#scratch.subarray(0, this.#headFilled);
    const head = parseResponseHead(received, exchange.into.byteLength);
    if (head === 'incomplete' && this.#headFilled < headBytesMax - 1) return false;
    if (head === 'incomplete' || head === 'other') {
      this.#exchange = undefined;
      exchange.resolve(undefined);
      return false;
    }
    const begun = received.subarray(head.end);
    if (begun.byteLength > head.length) {
      this.#fail(socketError('ECONNRESET', 'the answer is longer than announced'));
      return false;
    }
    exchange.into.set(begun);
    exchange.filled = begun.byteLength;
    exchange.head = head;
    this.#socket.setTimeout(this.#timeouts.idleMs);
    return true;
  }

  #fail(error: unknown): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#socket.destroy();
    this.#onGone();
    this.#onGone = () => {};
    exchange?.reject(error);
  }
}

/** Undefined for a request that is more than path, plain settings and headers. */
function requestBytes({ method, path, query = {}, headers }: SignedGet): Uint8Array | undefined {
  if (method !== 'GET') return undefined;
  const settings: string[] = [];
  for (const [name, value] of Object.entries(query)) {
    if (typeof value !== 'string') return undefined;
    settings.push(`${escapeUri(name)}=${escapeUri(value)}`);
  }
  const target = settings.length === 0 ? path : `${path}?${settings.join('&')}`;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const text = [`GET ${target} HTTP/1.1`, ...lines, 'connection: keep-alive', '', ''].join('\r\n');
  // A line break inside would begin a header, or a request, of somebody else's.
  return /[\r\n]/.test(target + lines.join('')) ? undefined : Buffer.from(text, 'latin1');
}

/** As the signature spells it. */
function escapeUri(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function socketError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
