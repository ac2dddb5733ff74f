import { createServer, type Server, Socket } from 'node:net';
import type { Clock } from '../../lib/base/clock.ts';
import { deferred } from '../../lib/base/deferred.ts';
import { answerRequest, type SinkAnswer } from './answer-request.ts';
import { type RequestHead, RequestReader } from './request-reader.ts';
import { SinkObjects } from './sink-objects.ts';
import { TokenBucket } from './token-bucket.ts';

/** Bodies up to this length are kept: journals, hints, manifests. Chunks are longer. */
const smallBytes = 1024 * 1024;
/** One static buffer a connection: the bytes of a discarded body are never copied, nor collected. */
const readBytes = 512 * 1024;
/** Written at a time where the line is shaped. */
const writeBytes = 256 * 1024;
/** After a rest: some 10 ms of a fast line. */
const burstBytes = 4 * 1024 * 1024;
/** Timers are no more exact than this; less is paid later. */
const waitMsMin = 1;

export interface SinkState {
  /** Undefined: as fast as the machine is. */
  readonly bytesPerSecond?: number | undefined;
  /** Keep large bodies too, so that they can be read again. */
  readonly keep?: boolean;
}

export interface SinkCounters {
  /** By method; a list counts as LIST. */
  readonly requests: Readonly<Record<string, number>>;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** An HTTP server for everything that is measured: it takes bodies and throws them away, at the speed of a line. */
export class SinkServer {
  readonly objects = new SinkObjects();
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #keeps = false;
  #upward: TokenBucket | undefined;
  #downward: TokenBucket | undefined;
  #requests: Record<string, number> = {};
  #receivedBytes = 0;
  #sentBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#server = createServer({ pauseOnConnect: true }, (accepted) =>
      this.#serve(withStaticBuffer(accepted)),
    );
  }

  /** Listens on a free port of this machine. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the sink has no port');
    return address.port;
  }

  set({ bytesPerSecond, keep = false }: SinkState): void {
    this.#keeps = keep;
    const bucket = (): TokenBucket | undefined =>
      bytesPerSecond === undefined
        ? undefined
        : new TokenBucket({ clock: this.#clock, bytesPerSecond, burstBytes });
    this.#upward = bucket();
    this.#downward = bucket();
  }

  /** What was counted since the last call. */
  counted(): SinkCounters {
    const counters = {
      requests: this.#requests,
      receivedBytes: this.#receivedBytes,
      sentBytes: this.#sentBytes,
    };
    [this.#requests, this.#receivedBytes, this.#sentBytes] = [{}, 0, 0];
    return counters;
  }

  /** The server itself counts connections that it has given away, and would wait for them for ever. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #serve({ socket, hear }: StaticSocket): void {
    this.#sockets.add(socket);
    // A client that goes away in the middle of a request is no fault of the sink.
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    const reader = new RequestReader({
      head: (head) => {
        if (head.headers.get('expect') === '100-continue') socket.write('HTTP/1.1 100 Continue\r\n\r\n');
        return this.#isKept(head) ? 'keep' : 'discard';
      },
      end: (head, body) => void this.#answer(socket, head, body),
    });
    hear((bytes) => {
      this.#receivedBytes += bytes.length;
      const wasInBody = reader.isInBody;
      reader.push(bytes);
      const waitMs = wasInBody || reader.isInBody ? (this.#upward?.take(bytes.length) ?? 0) : 0;
      if (waitMs < waitMsMin) return 'go-on';
      void this.#clock.sleep(waitMs).then(() => socket.resume());
      return 'pause';
    });
  }

  #isKept(head: RequestHead): boolean {
    return this.#keeps || head.bodyBytes <= smallBytes;
  }

  async #answer(socket: Socket, head: RequestHead, body: Uint8Array): Promise<void> {
    const isList = head.method === 'GET' && head.query.has('list-type');
    const counted = isList ? 'LIST' : head.method;
    this.#requests[counted] = (this.#requests[counted] ?? 0) + 1;
    const now = this.#clock.now();
    const answer = answerRequest(this.objects, { head, body, isKept: this.#isKept(head), now });
    // The last bytes of a body are on the line until they are paid for; an answer before would make the line faster.
    const owedMs = head.bodyBytes > smallBytes ? (this.#upward?.take(0) ?? 0) : 0;
    if (owedMs >= waitMsMin) await this.#clock.sleep(owedMs);
    socket.write(headOf(answer, now));
    await this.#send(socket, answer.body);
  }

  async #send(socket: Socket, body: Uint8Array): Promise<void> {
    this.#sentBytes += body.length;
    if (this.#downward === undefined || body.length <= smallBytes) {
      if (body.length > 0) socket.write(body);
      return;
    }
    for (let at = 0; at < body.length && !socket.destroyed; at += writeBytes) {
      const part = body.subarray(at, at + writeBytes);
      const waitMs = this.#downward.take(part.length);
      if (waitMs >= waitMsMin) await this.#clock.sleep(waitMs);
      if (!socket.write(part)) await drained(socket);
    }
  }
}

function headOf({ status, headers, body, bodyBytes = body.length }: SinkAnswer, now: Date): string {
  const lines = Object.entries({
    ...headers,
    date: now.toUTCString(),
    'content-length': String(bodyBytes),
    'x-amz-request-id': 'sink',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${status < 300 ? 'OK' : 'No'}\r\n${lines.join('')}\r\n`;
}

async function drained(socket: Socket): Promise<void> {
  const ready = deferred();
  const goOn = (): void => ready.resolve();
  socket.once('drain', goOn);
  socket.once('close', goOn);
  await ready.promise;
  socket.off('drain', goOn);
  socket.off('close', goOn);
}

interface StaticSocket {
  readonly socket: Socket;
  /** Hears every byte; the view is valid only until it returns. */
  readonly hear: (listener: (bytes: Uint8Array) => 'go-on' | 'pause') => void;
}

/**
 * Node offers reading into a static buffer (`onread`) to clients only. The handle of an accepted connection works just as
 * well: this halves what a discarded byte costs, so that on a machine of two cores the sink is not what is measured.
 */
function withStaticBuffer(accepted: Socket): StaticSocket {
  const handle: unknown = Reflect.get(accepted, '_handle');
  Reflect.set(accepted, '_handle', null);
  let listener: ((bytes: Uint8Array) => 'go-on' | 'pause') | undefined;
  const options = {
    allowHalfOpen: false,
    handle,
    onread: {
      buffer: Buffer.allocUnsafe(readBytes),
      callback: (length: number, buffer: Uint8Array) => listener?.(buffer.subarray(0, length)) !== 'pause',
    },
  };
  const socket = new Socket(options);
  socket.setNoDelay(true);
  return {
    socket,
    hear: (hears) => {
      listener = hears;
      socket.read(0);
    },
  };
}
