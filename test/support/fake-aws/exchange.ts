import type { Fault } from './faults.ts';

/** A request, as the services and the fault script see it. */
export interface FakeRequest {
  readonly service: 's3' | 'sqs';
  /** AWS's own name: PutObject, SendMessage. */
  readonly operation: string;
  readonly method: string;
  /** As it was sent: still escaped. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** S3 only. */
  readonly bucket: string;
  readonly key: string;
}

/** A request that was received, with what became of it. */
export interface LoggedRequest extends FakeRequest {
  readonly body: Buffer;
  readonly fault: Fault | undefined;
}

export interface FakeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

/** An error of a service, thrown by its operations. */
export class ServiceError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string = code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
