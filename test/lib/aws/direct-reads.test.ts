import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { awsTimeouts } from '../../../lib/aws/aws-timeouts.ts';
import { DirectReads, type SignedGet } from '../../../lib/aws/direct-reads.ts';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { parseResponseHead } from '../../../lib/aws/response-head.ts';
import { openFakeStore } from '../../support/fake-aws/open-fake-drivers.ts';

/** A server that answers each request on a connection with what `answer` gives for its number. */
async function serve(answer: (socket: Socket, request: number, head: string) => void) {
  let requests = 0;
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (!text.endsWith('\r\n\r\n')) return;
      const head = text;
      text = '';
      answer(socket, ++requests, head);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  const reads = new DirectReads({ ...awsTimeouts, answerMs: 400, idleMs: 400 });
  onTestFinished(() => {
    reads.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const request: SignedGet = {
    method: 'GET',
    protocol: 'http:',
    hostname: '127.0.0.1',
    port: address.port,
    path: '/bucket/key%20a',
    query: { 'x-id': 'GetObject' },
    headers: { host: 'bucket', authorization: 'AWS4' },
  };
  const into = new Uint8Array(100).fill(255);
  return {
    get: (signal?: AbortSignal, changed: Partial<SignedGet> = {}) =>
      reads.get({ ...request, ...changed }, { into, hashes: true, signal }),
    into,
    get connections() {
      return connections;
    },
  };
}

const whole = (body: string, headers = ''): string =>
  `HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`;
const textOf = (read: { readonly body: Uint8Array } | undefined): string | undefined =>
  read === undefined ? undefined : Buffer.from(read.body).toString();

describe('a body that is read from the socket', () => {
  it('lies in the memory of the caller, after the request that was signed', async () => {
    let head = '';
    const server = await serve((socket, _number, received) => {
      head = received;
      socket.write(whole('hello'));
    });
    const read = await server.get();
    expect(textOf(read)).toBe('hello');
    expect(read?.body.buffer).toBe(server.into.buffer);
    expect(read?.head.headers['etag']).toBe('"e"');
    expect(read?.sha256).toBe(sha256Hex('hello'));
    expect(head.split('\r\n').slice(0, 3)).toEqual([
      'GET /bucket/key%20a?x-id=GetObject HTTP/1.1',
      'host: bucket',
      'authorization: AWS4',
    ]);
  });

  it('comes whole wherever the answer is cut into pieces, and the connection is used again', async () => {
    const answer = whole('0123456789');
    const server = await serve((socket, number) => {
      socket.setNoDelay(true);
      socket.write(answer.slice(0, number));
      setImmediate(() => socket.write(answer.slice(number)));
    });
    for (let cut = 1; cut < answer.length; cut++) {
      server.into.fill(255);
      const read = await server.get();
      expect(textOf(read), `cut at ${cut}`).toBe('0123456789');
      expect(read?.sha256, `cut at ${cut}`).toBe(sha256Hex('0123456789'));
      await turn();
    }
    expect(server.connections).toBe(1);
  });

  it('may be empty', async () => {
    const server = await serve((socket) => socket.write(whole('')));
    expect(textOf(await server.get())).toBe('');
  });

  it('goes through a new connection each time where the store closes each', async () => {
    const server = await serve((socket) => socket.end(whole('hello', 'Connection: close\r\n')));
    expect(textOf(await server.get())).toBe('hello');
    expect(textOf(await server.get())).toBe('hello');
    expect(server.connections).toBe(2);
  });
});

describe('what the SDK is asked for instead', () => {
  it.each([
    ['a refusal', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno'],
    ['a part', 'HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nno'],
    ['an answer in chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n'],
    ['a coded body', whole('no', 'Content-Encoding: gzip\r\n')],
    ['a length that is said twice', whole('no', 'Content-Length: 3\r\n')],
    ['a body that does not fit', whole('x'.repeat(101))],
    ['no length', 'HTTP/1.1 200 OK\r\n\r\nno'],
    ['another protocol', 'SSH-2.0-OpenSSH_9\r\n\r\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`],
  ])('%s', async (_what, answer) => {
    const server = await serve((socket) => socket.write(answer));
    expect(await server.get()).toBeUndefined();
    expect(await server.get()).toBeUndefined();
    expect(server.connections).toBe(2);
  });

  it('a request with settings that nobody knows here, or with a line break', async () => {
    const server = await serve((socket) => socket.write(whole('hello')));
    expect(await server.get(undefined, { query: { many: ['a', 'b'] } })).toBeUndefined();
    expect(await server.get(undefined, { headers: { a: 'b\r\nc: d' } })).toBeUndefined();
    expect(await server.get(undefined, { method: 'PUT' })).toBeUndefined();
    expect(server.connections).toBe(0);
  });

  it('a kept connection that the store has closed just now', async () => {
    const server = await serve((socket, number) => {
      if (number === 2) socket.destroy();
      else socket.write(whole('hello'));
    });
    await server.get();
    expect(await server.get()).toBeUndefined();
    expect(textOf(await server.get())).toBe('hello');
  });
});

describe('a read that fails', () => {
  const codeOf = async (reading: Promise<unknown>): Promise<unknown> =>
    reading.then(
      () => 'none',
      (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
    );

  it('says so when the body is cut', async () => {
    const server = await serve((socket) => socket.end(whole('hello').slice(0, -1)));
    expect(await codeOf(server.get())).toBe('ECONNRESET');
  });

  it('says so when more comes than was announced', async () => {
    const server = await serve((socket) => socket.write(`${whole('hello')}more`));
    expect(await codeOf(server.get())).toBe('ECONNRESET');
  });

  it('says so when nobody listens', async () => {
    const server = await serve(() => {});
    expect(await codeOf(server.get(undefined, { port: 1 }))).toBe('ECONNREFUSED');
  });

  it('does not wait for ever, neither for the head nor in the body', async () => {
    const silent = await serve(() => {});
    const stuck = await serve((socket) => socket.write(whole('hello').slice(0, -1)));
    const both = await Promise.all([codeOf(silent.get()), codeOf(stuck.get())]);
    expect(both).toEqual(['ETIMEDOUT', 'ETIMEDOUT']);
  });

  it('ends with the reason of its signal', async () => {
    const stop = new AbortController();
    const server = await serve(() => stop.abort(new Error('superseded')));
    await expect(server.get(stop.signal)).rejects.toThrow('superseded');
    await expect(server.get(stop.signal)).rejects.toThrow('superseded');
  });
});

describe('a head', () => {
  it('is never believed before its end', () => {
    const head = whole('');
    for (let end = 0; end < head.length; end++)
      expect(parseResponseHead(Buffer.from(head.slice(0, end)), 10)).toBe('incomplete');
    expect(parseResponseHead(Buffer.from(head), 10)).toMatchObject({ length: 0, end: head.length });
  });
});

describe('the S3 driver that is given memory for a body', () => {
  it('reads into it, with everything else that it says of an object', async () => {
    await using opened = await openFakeStore();
    const { store, aws } = opened;
    await store.put('a b', Buffer.from('hello'));
    const into = new Uint8Array(64);
    const usual = await store.get('a b');
    const direct = await store.get('a b', { into, hashes: true });
    expect(direct?.body.buffer).toBe(into.buffer);
    const said = { body: direct?.body, sha256: sha256Hex('hello'), serverTime: 0 };
    expect({ ...direct, serverTime: 0 }).toEqual({ ...usual, ...said });
    expect(await store.get('a b', { into })).not.toHaveProperty('sha256');
    expect(Buffer.from(direct!.body).toString()).toBe('hello');
    expect(aws.asked('GetObject')).toHaveLength(3);
  });

  it('finds out as ever that there is no such object, or that it does not fit', async () => {
    await using opened = await openFakeStore();
    const { store } = opened;
    expect(await store.get('nothing', { into: new Uint8Array(64) })).toBeUndefined();
    await store.put('long', Buffer.from('x'.repeat(100)));
    expect((await store.get('long', { into: new Uint8Array(64) }))?.body).toHaveLength(100);
  });
});
