import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { SinkReply, SinkRequest } from './sink-messages.ts';
import type { SinkCounters, SinkState } from './sink-server.ts';

/** Names of credentials must be there to sign by; the sink looks at no signature. */
const credentials = {
  AWS_ACCESS_KEY_ID: 'bench',
  AWS_SECRET_ACCESS_KEY: 'bench',
  AWS_REGION: 'us-east-1',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
};

/** A running sink process. */
export class Sink implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly endpoint: string;
  /** Of its process. */
  readonly pid: number;

  constructor(child: ChildProcess, port: number) {
    this.pid = child.pid ?? 0;
    this.#child = child;
    this.endpoint = `http://127.0.0.1:${port}`;
  }

  /** The address of a store in it. */
  get storeUri(): string {
    return `s3://bench/store?region=us-east-1&endpoint=${this.endpoint}`;
  }

  async set(state: SinkState): Promise<void> {
    await this.#ask({ kind: 'set', state });
  }

  async clear(): Promise<void> {
    await this.#ask({ kind: 'clear' });
  }

  /** Objects that are there from now on, below the prefix of `storeUri`. */
  async fill(
    objects: ReadonlyArray<{ readonly key: string; readonly body: Uint8Array; readonly etag: string }>,
  ): Promise<void> {
    const encoded = objects.map(({ key, body, etag }) => ({
      key: `store/${key}`,
      body: Buffer.from(body).toString('base64'),
      etag,
    }));
    await this.#ask({ kind: 'fill', objects: encoded });
  }

  /** The address of a metadata service of an instance, in the same process. */
  async startImds(): Promise<string> {
    const reply = await this.#ask({ kind: 'imds' });
    if (reply.kind !== 'imds') throw new Error('the sink answered something else');
    return reply.endpoint;
  }

  /** What came since the last call. */
  async counted(): Promise<SinkCounters> {
    const reply = await this.#ask({ kind: 'counted' });
    if (reply.kind !== 'counters') throw new Error('the sink answered something else');
    return reply.counters;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }

  async #ask(request: SinkRequest): Promise<SinkReply> {
    const answered = nextReply(this.#child);
    this.#child.send(request);
    return await answered;
  }
}

/** Starts a sink, unshaped, and lets this process sign for it. */
export async function startSink(entry: string): Promise<Sink> {
  Object.assign(process.env, credentials);
  const child = fork(entry, { stdio: ['ignore', 2, 2, 'ipc'] });
  const reply = await nextReply(child);
  if (reply.kind !== 'listening') throw new Error('the sink did not say where it listens');
  return new Sink(child, reply.port);
}

function nextReply(child: ChildProcess): Promise<SinkReply> {
  return new Promise((resolve, reject) => {
    const failed = (): void => reject(new Error('the sink ended'));
    child.once('exit', failed);
    child.once('message', (reply: SinkReply) => {
      child.off('exit', failed);
      resolve(reply);
    });
  });
}
