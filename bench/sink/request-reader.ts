/** Head of an HTTP/1.1 request, as far as a store needs it. Names of headers are in lower case. */
export interface RequestHead {
  readonly method: string;
  /** Still encoded, with its leading slash. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: ReadonlyMap<string, string>;
  readonly bodyBytes: number;
}

export interface RequestEvents {
  /** The head is whole. Tells whether the body is wanted; otherwise its bytes are only counted. */
  readonly head: (head: RequestHead) => 'keep' | 'discard';
  /** The request is whole; the body is empty where it was discarded. */
  readonly end: (head: RequestHead, body: Uint8Array) => void;
}

/** More than any client of ours sends; a longer head is no request. */
const headBytesMax = 64 * 1024;
const headEnd = Buffer.from('\r\n\r\n');

/**
 * Cuts the bytes of one connection into requests. Bodies must tell their length: chunked ones are refused, since the clients
 * that are measured never send them.
 */
export class RequestReader {
  readonly #events: RequestEvents;
  #head = Buffer.alloc(0);
  #current: { readonly head: RequestHead; readonly body: Buffer | undefined } | undefined;
  #received = 0;

  constructor(events: RequestEvents) {
    this.#events = events;
  }

  /** True while the bytes that come next belong to a body. */
  get isInBody(): boolean {
    return this.#current !== undefined;
  }

  /** @throws Error when the bytes are no request that it understands */
  push(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0;)
      rest = this.#current === undefined ? this.#readHead(rest) : this.#readBody(rest);
  }

  #readHead(bytes: Uint8Array): Uint8Array {
    const before = this.#head.length;
    this.#head = Buffer.concat([this.#head, bytes.subarray(0, headBytesMax)]);
    const end = this.#head.indexOf(headEnd);
    if (end === -1) {
      if (this.#head.length >= headBytesMax) throw new Error('the head of a request has no end');
      return bytes.subarray(headBytesMax);
    }
    const head = parseHead(this.#head.toString('latin1', 0, end));
    this.#head = Buffer.alloc(0);
    const wanted = this.#events.head(head);
    this.#received = 0;
    this.#current = { head, body: wanted === 'keep' ? Buffer.allocUnsafe(head.bodyBytes) : undefined };
    if (head.bodyBytes === 0) this.#finish();
    return bytes.subarray(end + headEnd.length - before);
  }

  #readBody(bytes: Uint8Array): Uint8Array {
    const { head, body } = this.#current ?? unreachable();
    const part = bytes.subarray(0, head.bodyBytes - this.#received);
    body?.set(part, this.#received);
    this.#received += part.length;
    if (this.#received === head.bodyBytes) this.#finish();
    return bytes.subarray(part.length);
  }

  #finish(): void {
    const { head, body } = this.#current ?? unreachable();
    this.#current = undefined;
    this.#events.end(head, body ?? new Uint8Array());
  }
}

function parseHead(text: string): RequestHead {
  const [first = '', ...lines] = text.split('\r\n');
  const [method = '', target = ''] = first.split(' ');
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const [path = '', query = ''] = target.split('?');
  const length = headers.get('content-length');
  if (length === undefined && headers.has('transfer-encoding'))
    throw new Error('a body without a length is not read');
  return { method, path, query: new URLSearchParams(query), headers, bodyBytes: Number(length ?? 0) };
}

function unreachable(): never {
  throw new Error('a body is read only after its head');
}
