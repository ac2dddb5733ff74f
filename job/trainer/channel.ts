import type { Duplex } from 'node:stream';
import type { z } from 'zod';
import { messageOf } from '../../lib/base/errors.ts';
import { parseJson } from '../../lib/base/parse-json.ts';
import { shorten } from '../../lib/base/shorten.ts';

/** The longest line either side accepts: a `staging` message that lists some 10,000 files. More is a fault, not a message. */
export const lineBytesMax: number = 2 * 1024 * 1024;

/** Unsent messages that one side may pile up: minutes of progress. A peer that reads nothing for so long is not there. */
export const unsentBytesMax: number = 16 * 1024 * 1024;

const newline = 0x0a;

export interface Channel<Outgoing extends object> {
  /** Queues a message; order is kept. Does nothing once the channel is closed: `onClose` has told. */
  send(message: Outgoing): void;
  /** Resolves when every message sent so far was handed to the other side, or the channel is closed. */
  flush(): Promise<void>;
  /** Closes this side. What was sent before still arrives. */
  end(): void;
}

export interface ChannelOptions<Incoming extends z.ZodType> {
  /** What the other side may say. */
  readonly incoming: Incoming;
  readonly onMessage: (message: z.output<Incoming>) => void;
  /** The other side broke the protocol: not JSON, not a known message, an endless line, or it reads nothing. Comes at most once. */
  readonly onFault: (why: string) => void;
  /** The other side is gone. Comes once, after its last message. */
  readonly onClose: () => void;
}

/**
 * Newline-delimited JSON over a duplex stream, for both ends of file descriptor 3. Every line is checked against the
 * schema before anyone sees it. An error of the stream is a close: a peer that died is told in no other way.
 */
export function openChannel<Incoming extends z.ZodType, Outgoing extends object>(
  stream: Duplex,
  options: ChannelOptions<Incoming>,
): Channel<Outgoing> {
  const { incoming, onMessage, onFault, onClose } = options;
  let isClosed = false;
  let isFaulty = false;
  const fault = (why: string): void => {
    if (isFaulty) return;
    isFaulty = true;
    onFault(why);
  };
  const close = (): void => {
    if (isClosed) return;
    isClosed = true;
    stream.destroy();
    onClose();
  };
  const push = lineReader({
    line: (text) => {
      if (isFaulty) return;
      const parsed = parseLine(incoming, text);
      if ('why' in parsed) fault(parsed.why);
      else onMessage(parsed.message);
    },
    tooLong: () => fault(`a line is longer than ${lineBytesMax} bytes.`),
  });
  stream.on('data', push);
  stream.on('end', close);
  stream.on('close', close);
  stream.on('error', close);
  return {
    send(message) {
      if (isClosed || stream.writableEnded) return;
      stream.write(encodeLine(message));
      if (stream.writableLength > unsentBytesMax) fault('the other side does not read its messages.');
    },
    flush: () =>
      new Promise((resolve) => {
        if (isClosed || stream.writableLength === 0) return resolve();
        stream.once('close', resolve);
        stream.write('', () => resolve());
      }),
    end: () => {
      stream.end();
    },
  };
}

/** One message as the bytes of one line. JSON never holds a raw newline. */
export function encodeLine(message: object): string {
  return `${JSON.stringify(message)}\n`;
}

/** Checks one line. A message of a newer protocol that this side does not know is a fault too: `hello` settles the version. */
export function parseLine<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
): { readonly message: z.output<Schema> } | { readonly why: string } {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    return { why: `a line is not JSON: ${shorten(messageOf(error))}: ${text.slice(0, 80)}` };
  }
  const result = schema.safeParse(value);
  if (result.success) return { message: result.data };
  const issue = result.error.issues[0];
  const where = shorten(issue?.path.join('.') ?? '') || 'message';
  return { why: `a message is not valid: ${where}: ${shorten(issue?.message ?? '')}: ${text.slice(0, 80)}` };
}

/** Cuts a stream of bytes into lines. Splits on bytes, so that a character cut in two by the transport stays whole. */
export function lineReader(handlers: {
  readonly line: (text: string) => void;
  readonly tooLong: () => void;
}): (bytes: Uint8Array) => void {
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  const decoder = new TextDecoder();
  return (bytes) => {
    let from = 0;
    for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, from)) {
      const line = Buffer.concat([...rest, bytes.subarray(from, at)]);
      rest = [];
      restBytes = 0;
      from = at + 1;
      if (line.length > 0) handlers.line(decoder.decode(line));
    }
    if (from === bytes.length) return;
    // A copy, because the transport may use its buffer again.
    rest.push(Uint8Array.from(bytes.subarray(from)));
    restBytes += bytes.length - from;
    if (restBytes > lineBytesMax) {
      rest = [];
      restBytes = 0;
      handlers.tooLong();
    }
  };
}
