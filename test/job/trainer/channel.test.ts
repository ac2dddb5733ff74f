import { Duplex, PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  encodeLine,
  lineBytesMax,
  lineReader,
  openChannel,
  parseLine,
  unsentBytesMax,
} from '../../../job/trainer/channel.ts';
import { trainerMessageSchema } from '../../../lib/contract/trainer-messages.ts';

const schema = z.object({ kind: z.literal('say'), text: z.string() });

function pair(): [Duplex, Duplex] {
  const [forth, back] = [new PassThrough(), new PassThrough()];
  return [Duplex.from({ readable: back, writable: forth }), Duplex.from({ readable: forth, writable: back })];
}

function open(stream: Duplex) {
  const heard: string[] = [];
  const channel = openChannel<typeof schema, z.infer<typeof schema>>(stream, {
    incoming: schema,
    onMessage: ({ text }) => heard.push(text),
    onFault: (why) => heard.push(`fault: ${why}`),
    onClose: () => heard.push('closed'),
  });
  return { channel, heard, say: (text: string) => channel.send({ kind: 'say', text }) };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn();
}

describe('a channel', () => {
  it('carries messages both ways, in order', async () => {
    const [left, right] = pair();
    const [one, other] = [open(left), open(right)];
    one.say('a');
    one.say('b');
    other.say('c');
    await settle();
    expect(other.heard).toEqual(['a', 'b']);
    expect(one.heard).toEqual(['c']);
  });

  it('tells once that the other side is gone, after its last message', async () => {
    const [left, right] = pair();
    const [one, other] = [open(left), open(right)];
    one.say('last words');
    one.channel.end();
    await settle();
    expect(other.heard).toEqual(['last words', 'closed']);
    other.say('to nobody');
    await other.channel.flush();
  });

  it('takes an error of the stream for a close: a peer that died says no more', async () => {
    const stream = new PassThrough();
    const { heard } = open(stream);
    stream.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    await settle();
    expect(heard).toEqual(['closed']);
  });

  it('hands over everything that was sent before flush resolves', async () => {
    const taken: string[] = [];
    const slow = new Duplex({
      read() {},
      write(chunk, _, done) {
        setImmediate(() => {
          taken.push(String(chunk));
          done();
        });
      },
    });
    const { channel, say } = open(slow);
    say('a');
    say('b');
    await channel.flush();
    expect(taken.join('')).toBe(
      encodeLine({ kind: 'say', text: 'a' }) + encodeLine({ kind: 'say', text: 'b' }),
    );
  });

  it('reports the first line that is no message, and hears nothing after it', async () => {
    const [left, right] = pair();
    const { heard } = open(left);
    right.write('{"kind":"say","text":"fine"}\n{"kind":"shout"}\n{"kind":"say","text":"too late"}\nnoise\n');
    await settle();
    expect(heard).toHaveLength(2);
    expect(heard[1]).toMatch(/^fault: a message is not valid: kind: .*shout/);
  });

  it('gives up a peer that reads nothing', () => {
    const deaf = new Duplex({ read() {}, write() {}, highWaterMark: 1 });
    const { heard, say } = open(deaf);
    const big = 'x'.repeat(1024 * 1024);
    for (let sent = 0; sent <= unsentBytesMax; sent += big.length) say(big);
    expect(heard).toEqual(['fault: the other side does not read its messages.']);
  });
});

describe('lineReader', () => {
  const read = (chunks: readonly Uint8Array[]): string[] => {
    const lines: string[] = [];
    const push = lineReader({ line: (text) => lines.push(text), tooLong: () => lines.push('TOO LONG') });
    for (const chunk of chunks) push(chunk);
    return lines;
  };

  it('puts lines together whatever pieces they come in, characters cut in two as well', () => {
    const bytes = Buffer.from('{"a":"é—😀"}\n{"b":2}\n\n{"c":3}\nrest');
    for (let size = 1; size < 9; size++) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.subarray(at * size, (at + 1) * size),
      );
      expect(read(chunks)).toEqual(['{"a":"é—😀"}', '{"b":2}', '{"c":3}']);
    }
  });

  it('keeps its own copy of what it waits with', () => {
    const lines: string[] = [];
    const push = lineReader({ line: (text) => lines.push(text), tooLong() {} });
    const buffer = Buffer.from('abc');
    push(buffer);
    buffer.fill('z');
    push(Buffer.from('d\n'));
    expect(lines).toEqual(['abcd']);
  });

  it('does not wait for a line without end', () => {
    const piece = Buffer.alloc(lineBytesMax / 2 + 1, 'x');
    expect(read([piece, piece])).toEqual(['TOO LONG']);
  });
});

describe('parseLine', () => {
  it('says where a message is wrong', () => {
    expect(parseLine(trainerMessageSchema, '{"kind":"written","slot":7}')).toMatchObject({
      why: expect.stringContaining('slot'),
    });
    expect(parseLine(trainerMessageSchema, '{')).toMatchObject({ why: expect.stringContaining('not JSON') });
    expect(parseLine(trainerMessageSchema, '{"kind":"staged","slot":1,"id":"a"}')).toEqual({
      message: { kind: 'staged', slot: 1, id: 'a' },
    });
  });

  it('refuses paths that would leave the slot', () => {
    const staging = (path: string): unknown =>
      parseLine(trainerMessageSchema, JSON.stringify({ kind: 'written', slot: 0, id: 'a', path, bytes: 1 }));
    for (const path of ['../x', '/etc/passwd', 'a/../../b', '']) expect(staging(path)).toHaveProperty('why');
    expect(staging('model/weights.safetensors')).toHaveProperty('message');
  });
});
