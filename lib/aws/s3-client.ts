import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { UnfitError, UsageError } from '../base/errors.ts';
import type { AwsTimeouts } from './aws-timeouts.ts';
import { configuredEndpoint } from './configured-endpoint.ts';
import { DirectReads } from './direct-reads.ts';
import { type S3Location, s3UriOf } from './s3-uri.ts';

/** A client and what its answers say beyond their documented fields. */
export interface S3Connection {
  readonly client: S3Client;
  /** For bodies that the caller has memory for. */
  readonly reads: DirectReads;
  /**
   * The store's clock at this answer, from its Date header, which the SDK hides.
   * @throws UnfitError when the store sent none: without it nobody could tell a live owner from a dead one
   */
  serverTimeOf(output: Answered): Date;
}

interface Answered {
  readonly $metadata: object;
}

/**
 * The location with its region: as named, else as the environment or profile say.
 * @throws UsageError when nothing names one
 */
export async function withRegion(location: S3Location): Promise<S3Location> {
  if (location.region !== undefined) return location;
  const client = new S3Client({});
  try {
    return { ...location, region: await client.config.region() };
  } catch (cause) {
    // Stores behind an endpoint of their own have no regions, but a signature needs the word.
    if (location.endpoint !== undefined) return { ...location, region: 'us-east-1' };
    throw new UsageError('the region of the store is not known:', {
      facts: { store: s3UriOf(location) },
      hint: 'add ?region=… to its address or set AWS_REGION',
      cause,
    });
  } finally {
    client.destroy();
  }
}

/** Opens no connection yet. */
export function connectS3(
  location: S3Location,
  options: {
    readonly timeouts: AwsTimeouts;
    readonly credentials?: NonNullable<S3ClientConfig['credentials']>;
    /** Credentials by their name in the AWS configuration. @default what the environment says */
    readonly profile?: string;
  },
): S3Connection {
  const { timeouts, credentials, profile } = options;
  const client = new S3Client({
    // One try: the retrying decorator retries, and it must see every lost answer. The SDK would hide one, and report
    // the 412 that its own second try met.
    maxAttempts: 1,
    // Every body carries the SHA-256 that is known already; a second checksum in JavaScript would halve the speed.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // `Expect: 100-continue` makes the SDK open a new connection for each body of 2 MiB or more.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: timeouts.connectMs,
      requestTimeout: timeouts.answerMs,
      throwOnRequestTimeout: true,
      socketTimeout: timeouts.idleMs,
      httpAgent: { keepAlive: true },
      httpsAgent: { keepAlive: true },
    },
    ...(location.region === undefined ? {} : { region: location.region }),
    ...(location.endpoint === undefined ? {} : { endpoint: location.endpoint }),
    // Buckets have host names of their own only at AWS: `bucket.localhost` leads nowhere.
    forcePathStyle: (location.endpoint ?? configuredEndpoint('S3')) !== undefined,
    ...(credentials === undefined ? {} : { credentials }),
    ...(profile === undefined ? {} : { profile }),
  });
  signWithKnownHash(client, location.compat);
  return { client, reads: new DirectReads(timeouts), serverTimeOf: rememberServerTimes(client) };
}

const checksumHeader = 'x-amz-checksum-sha256';

/**
 * Signs a body by the SHA-256 that its checksum header spells already, so that it is hashed once and not once more for
 * the signature. Stores without flexible checksums (`compat`) get the signed hash alone.
 */
function signWithKnownHash(client: S3Client, compat: boolean): void {
  client.middlewareStack.add(
    (next) => async (args) => {
      const headers = headersOf(args.request);
      const checksum = headers?.[checksumHeader];
      if (headers !== undefined && checksum !== undefined) {
        headers['x-amz-content-sha256'] = Buffer.from(checksum, 'base64').toString('hex');
        if (compat) delete headers[checksumHeader];
      }
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'signWithKnownHash' },
  );
}

function rememberServerTimes(client: S3Client): (output: Answered) => Date {
  const times = new WeakMap<object, Date>();
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const date = new Date(headersOf(result.response)?.['date'] ?? Number.NaN);
      if (!Number.isNaN(date.getTime()) && result.output !== undefined)
        times.set(result.output.$metadata, date);
      return result;
    },
    { step: 'deserialize', priority: 'high', name: 'rememberServerTimes' },
  );
  return (output) => {
    const time = times.get(output.$metadata);
    if (time === undefined)
      throw new UnfitError('the store does not say what time it is:', {
        facts: { header: 'Date' },
        hint: 'a proxy in between may have removed the Date header',
      });
    return time;
  };
}

/** The headers of a request or answer, which the SDK's middleware types leave unknown. */
function headersOf(message: unknown): Record<string, string> | undefined {
  return hasHeaders(message) ? message.headers : undefined;
}

function hasHeaders(message: unknown): message is { readonly headers: Record<string, string> } {
  return typeof message === 'object' && message !== null && 'headers' in message;
}
