import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { seededRandom } from '../../../lib/base/random.ts';
import { type AwsTime, realTime } from './aws-time.ts';
import { type FakeAnswer, type FakeRequest, type LoggedRequest, ServiceError } from './exchange.ts';
import { FakeS3, s3Error } from './fake-s3.ts';
import { FakeSqs, sqsError } from './fake-sqs.ts';
import { type Fault, FaultScript } from './faults.ts';
import { readRequest } from './read-request.ts';
import { checkSignature, checkSkew, type FakeCredentials } from './signature.ts';

export interface FakeAwsOptions {
  readonly time?: AwsTime;
  /** Of message ids and of the order in which messages come. */
  readonly seed?: number;
  /** Refuse requests whose signature is more than 15 minutes off. Off by default: a manual clock is years away. */
  readonly checksSkew?: boolean;
}

/** S3 and SQS over HTTP on this machine, in this process: what they store can be read, and what fails can be scripted. */
export class FakeAws {
  readonly credentials: FakeCredentials = { accessKeyId: 'FAKEACCESSKEY', secretAccessKey: 'fake-secret' };
  readonly region = 'eu-west-1';
  readonly faults: FaultScript = new FaultScript();
  readonly requests: LoggedRequest[] = [];
  readonly s3: FakeS3;
  readonly sqs: FakeSqs;
  readonly #time: AwsTime;
  readonly #checksSkew: boolean;
  readonly #server: Server;
  #connections = 0;

  constructor({ time = realTime, seed = 1, checksSkew = false }: FakeAwsOptions) {
    this.#time = time;
    this.#checksSkew = checksSkew;
    this.s3 = new FakeS3(time);
    this.sqs = new FakeSqs(time, seededRandom(seed));
    this.#server = createServer((incoming, response) => void this.#handle(incoming, response));
    this.#server.on('connection', () => {
      this.#connections += 1;
    });
  }

  /** How many connections were ever made. */
  get connections(): number {
    return this.#connections;
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the fake is not listening');
    return `http://127.0.0.1:${address.port}`;
  }

  /** The address of a store in `bucket`, for the driver. */
  storeUri(bucket: string, prefix = ''): string {
    const settings = new URLSearchParams({ region: this.region, endpoint: this.endpoint });
    return `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}?${settings.toString()}`;
  }

  queueUrl(name: string): string {
    return `${this.endpoint}/123456789012/${name}?region=${this.region}`;
  }

  /** The requests for one operation, oldest first. */
  asked(operation: string): readonly LoggedRequest[] {
    return this.requests.filter((request) => request.operation === operation);
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  async close(): Promise<void> {
    this.sqs.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const hangUp = new AbortController();
    response.once('close', () => hangUp.abort());
    // A client that hangs up in the middle of a body is no fault of the fake's.
    incoming.on('error', () => {});
    const request = readRequest(incoming);
    const fault = this.faults.next(request);
    const body = await readUpTo(incoming, fault?.kind === 'cut-request' ? fault.afterBytes : Infinity);
    this.requests.push({ ...request, body, fault });
    if (fault?.kind === 'silent') return;
    if (fault?.kind === 'cut-request') {
      incoming.socket.destroy();
      return;
    }
    if (fault?.kind === 'slow') await new Promise<void>((resolve) => this.#time.after(fault.ms, resolve));
    const answer = await this.#answer({ request, body, fault, hungUp: hangUp.signal });
    if (fault?.kind === 'lost-answer') incoming.socket.destroy();
    else this.#send(response, answer, fault);
  }

  async #answer(asked: {
    readonly request: FakeRequest;
    readonly body: Buffer;
    readonly fault: Fault | undefined;
    readonly hungUp: AbortSignal;
  }): Promise<FakeAnswer> {
    const { request, body, fault, hungUp } = asked;
    if (fault?.kind === 'page') return { status: fault.status, body: fault.html };
    try {
      if (fault?.kind === 'refuse') throw new ServiceError(fault.status, fault.code, fault.message);
      checkSignature(request, body, this.credentials);
      if (this.#checksSkew) checkSkew(request, this.#time.now());
      if (request.service === 's3') return this.s3.answer(request, body, fault);
      return await this.sqs.answer(request, body, hungUp);
    } catch (error) {
      const known =
        error instanceof ServiceError ? error : new ServiceError(500, 'InternalError', String(error));
      const answer = request.service === 's3' ? s3Error(known) : sqsError(known);
      const region = fault?.kind === 'refuse' ? fault.bucketRegion : undefined;
      const headers = {
        ...answer.headers,
        ...(region === undefined ? {} : { 'x-amz-bucket-region': region }),
      };
      return request.method === 'HEAD' ? { status: answer.status, headers } : { ...answer, headers };
    }
  }

  #send(response: ServerResponse, answer: FakeAnswer, fault: Fault | undefined): void {
    const body = Buffer.from(answer.body ?? '');
    response.sendDate = false;
    response.writeHead(answer.status, {
      ...answer.headers,
      date: new Date(this.#time.now()).toUTCString(),
      'x-amz-request-id': 'FAKE0000000001',
      'x-amzn-requestid': 'FAKE0000000001',
      ...(answer.status === 204 ? {} : { 'content-length': body.length }),
    });
    if (fault?.kind === 'stalled-answer') response.write(body.subarray(0, fault.afterBytes));
    else if (fault?.kind === 'cut-answer')
      response.write(body.subarray(0, fault.afterBytes), () => response.socket?.destroy());
    else response.end(response.req.method === 'HEAD' ? undefined : body);
  }
}

export function startFakeAws(options: FakeAwsOptions = {}): Promise<FakeAws> {
  return new FakeAws(options).listen();
}

/** The body, or its beginning. */
async function readUpTo(incoming: IncomingMessage, bytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of incoming.iterator({ destroyOnReturn: false })) {
      pieces.push(piece);
      length += piece.length;
      if (length >= bytes) break;
    }
  } catch {
    // The client hung up; what came is what there is.
  }
  return Buffer.concat(pieces);
}
