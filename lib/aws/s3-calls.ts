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
  unlessMissing<Result>(
    named: S3Call,
    call: () => Promise<Result>,
    saysMissing: (error: unknown) => boolean = isMissingObject,
  ): Promise<Result | undefined> {
    return this.make(named, async () => {
      try {
        return await call();
      } catch (error) {
        if (saysMissing(error)) return undefined;
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

/**
 * S3 said in words that there is no such object. A bare 404 is not enough: it may stand for the bucket, come from a
 * proxy in between, or head an explanation that was cut; and who believed it would begin a job anew.
 */
export function isMissingObject(error: unknown): boolean {
  return awsErrorFacts(error).name === 'NoSuchKey';
}

/** For HeadObject, whose answers have no words. */
export function isBareNotFound(error: unknown): boolean {
  return awsErrorFacts(error).status === 404;
}

/** A part of an answer that S3 always gives. */
export function given<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined)
    throw new UnfitError('an answer of the store lacks what S3 always says:', { facts: { lacks: what } });
  return value;
}
