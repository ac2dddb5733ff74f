import { expect, it } from 'vitest';
import { RequestReader } from '../../../bench/sink/request-reader.ts';

const put = 'PUT /bench/a%20b?partNumber=2&uploadId=u HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello';
const get = 'GET /bench/c HTTP/1.1\r\nRange: bytes=0-1\r\n\r\n';

function readInPieces(text: string, pieceBytes: number, wanted: 'keep' | 'discard'): string[] {
  const seen: string[] = [];
  const reader = new RequestReader({
    head: () => wanted,
    end: (head, body) =>
      seen.push(`${head.method} ${head.path} ${head.bodyBytes} ${Buffer.from(body).toString()}`),
  });
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes));
  return seen;
}

it.each([1, 2, 7, 64, 1_000])('cuts requests out of pieces of %i bytes', (pieceBytes) => {
  expect(readInPieces(`${put}${get}${put}`, pieceBytes, 'keep')).toEqual([
    'PUT /bench/a%20b 5 hello',
    'GET /bench/c 0 ',
    'PUT /bench/a%20b 5 hello',
  ]);
});

it('counts the bytes of a body that nobody wants, and keeps none', () => {
  expect(readInPieces(`${put}${get}`, 3, 'discard')).toEqual(['PUT /bench/a%20b 5 ', 'GET /bench/c 0 ']);
});

it('refuses a body whose length nobody told, and a head without an end', () => {
  const chunked = 'PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n';
  expect(() => readInPieces(chunked, 1_000, 'keep')).toThrow(/without a length/);
  expect(() => readInPieces('x'.repeat(70_000), 1_000, 'keep')).toThrow(/no end/);
});
