import { HoldfastError, UnfitError } from '../base/errors.ts';
import { awsErrorFacts, translateAwsError } from './aws-errors.ts';
import type { S3Connection } from './s3-client.ts';
import type { S3Location } from './s3-uri.ts';

/** One call, for the message of its error. */
export interface S3Call {
  readonly operation: string;
  readonly key: string;
  readonly signal?: AbortSignal | undefined;
}

/** Calls to one store: where its keys lie and what its errors mean. */
export class S3Calls {
  readonly connection: S3Connection;
  readonly location: S3Location;

  constructor(connection: S3Connection, location: S3Location) {
    this.connection = connection;
    this.location = location;
  }

  address(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.location.bucket, Key: `${this.location.prefix}${key}` };
  }

  /** Runs `call`; its error becomes one of ours. */
  async make<Result>(named: S3Call, call: () => Promise<Result>): Promise<Result> {
    named.signal?.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      throw this.translate(error, named);
    }
  }

  /** As `make`, but a missing object is an answer. */
  unlessMissing<Result>(named: S3Call, call: () => Promise<Result>): Promise<Result | undefined> {
    return this.make(named, async () => {
      try {
        return await call();
      } catch (error) {
        if (isMissingObject(error)) return undefined;
        throw error;
      }
    });
  }

  translate(error: unknown, { operation, key, signal }: S3Call): unknown {
    if (error instanceof HoldfastError && signal?.aborted !== true) return error;
    const target = `s3://${this.location.bucket}/${this.location.prefix}${key}`;
    return translateAwsError(error, { service: 'S3', operation, target, signal });
  }
}

/** 404 for the object; a missing bucket is no answer about an object. */
export function isMissingObject(error: unknown): boolean {
  const { status, name } = awsErrorFacts(error);
  return status === 404 && name !== 'NoSuchBucket';
}

/** A part of an answer that S3 always gives. */
export function given<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined)
    throw new UnfitError('an answer of the store lacks what S3 always says:', { facts: { lacks: what } });
  return value;
}

export function callOptions(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
