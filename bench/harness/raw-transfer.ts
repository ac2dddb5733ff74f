import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { sum } from './statistics.ts';

/** As many as the uploads of the product have in flight on two cores, and enough for any line that is measured. */
const lanes = 4;

/** Cuts `bytes` into pieces of `pieceBytes`. */
export function pieces(bytes: number, pieceBytes: number): readonly number[] {
  const whole = Math.floor(bytes / pieceBytes);
  const rest = bytes - whole * pieceBytes;
  return [...Array.from({ length: whole }, () => pieceBytes), ...(rest > 0 ? [rest] : [])];
}

/** Plain PUTs of node:http over warm connections: what a line allows whoever neither reads, hashes nor signs. */
export class RawUploader {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: lanes });
  readonly #endpoint: string;
  readonly #body: Uint8Array;

  constructor(endpoint: string, body: Uint8Array) {
    this.#endpoint = endpoint;
    this.#body = body;
  }

  async put(bytes: number): Promise<void> {
    const left = [...pieces(bytes, this.#body.length)];
    const lane = async (): Promise<void> => {
      for (let one = left.shift(); one !== undefined; one = left.shift()) await this.#putOne(one);
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  close(): void {
    this.#agent.destroy();
  }

  #putOne(bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const put = request(`${this.#endpoint}/bench/raw`, {
        agent: this.#agent,
        method: 'PUT',
        headers: { 'content-length': bytes },
      });
      put.on('error', reject);
      put.on('response', (response) => {
        response.resume();
        response.on('end', resolve);
      });
      put.end(this.#body.subarray(0, bytes));
    });
  }
}

/** Plain GETs of these keys into static buffers, nothing looked at: what a line allows whoever only receives. */
export async function rawDownload(endpoint: string, keys: readonly string[]): Promise<number> {
  const left = [...keys];
  const lane = (): Promise<number> => getInTurn(endpoint, left.splice(0, Math.ceil(keys.length / lanes)));
  return sum(await Promise.all(Array.from({ length: lanes }, lane)));
}

const headEnd = Buffer.from('\r\n\r\n');

/** One connection, one request after the other. */
function getInTurn(endpoint: string, keys: readonly string[]): Promise<number> {
  const { hostname, port } = new URL(endpoint);
  const left = [...keys];
  let expected: number | undefined;
  let received = 0;
  let total = 0;
  return new Promise((resolve, reject) => {
    const ask = (): void => {
      const key = left.shift();
      expected = undefined;
      received = 0;
      if (key === undefined) socket.end(() => resolve(total));
      else socket.write(`GET /${key} HTTP/1.1\r\nhost: ${hostname}\r\n\r\n`);
    };
    const hear = (length: number, buffer: Uint8Array): boolean => {
      let bodyBytes = length;
      if (expected === undefined) {
        // Heads are short and come in one piece over the loopback.
        const head = Buffer.from(buffer.buffer, buffer.byteOffset, length);
        const end = head.indexOf(headEnd);
        expected = Number(/content-length: (\d+)/i.exec(head.toString('latin1', 0, end))?.[1]);
        bodyBytes = length - end - headEnd.length;
      }
      received += bodyBytes;
      total += bodyBytes;
      if (received >= expected) ask();
      return true;
    };
    const onread = { buffer: Buffer.allocUnsafe(512 * 1024), callback: hear };
    const socket = connect({ host: hostname, port: Number(port), onread }, ask);
    socket.on('error', reject);
  });
}
