import { DeleteBucketCommand, DeleteObjectsCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import type { Clock } from '../base/clock.ts';
import { UnfitError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { retry } from '../base/retry.ts';
import { awsErrorFacts } from './aws-errors.ts';
import { awsTimeouts } from './aws-timeouts.ts';
import { sendOptions } from './aws-client.ts';
import { S3Calls } from './s3-calls.ts';
import { connectS3, withRegion } from './s3-client.ts';
import { parseS3Uri } from './s3-uri.ts';

export interface DeleteBucketOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  /** Credentials by their name in the AWS configuration. */
  readonly profile?: string | undefined;
  /** Versions and delete markers that are gone so far. */
  readonly onProgress?: (deleted: number) => void;
}

export interface DeletedBucket {
  /** `missing`: it was gone already. */
  readonly outcome: 'deleted' | 'missing';
  /** Versions and delete markers that this call deleted. */
  readonly deleted: number;
}

/**
 * Deletes the bucket of a store, with every version of every object in it. Nothing brings them back. Cut short it may be
 * repeated.
 * @param uri `s3://bucket?region=…`; a store that is only a part of a bucket is refused
 */
export async function deleteBucket(uri: string, options: DeleteBucketOptions): Promise<DeletedBucket> {
  const location = parseS3Uri(uri);
  if (location.prefix !== '') {
    throw new UnfitError('this store is only a part of its bucket, which may hold more:', {
      facts: { store: uri },
      hint: 'Delete what lies below the prefix by hand.',
    });
  }
  const { profile } = options;
  const connection = connectS3(await withRegion(location), {
    timeouts: awsTimeouts,
    ...(profile === undefined ? {} : { profile }),
  });
  const calls = new S3Calls(connection, location);
  try {
    return await emptyAndDelete(calls, options);
  } finally {
    connection.client.destroy();
  }
}

/** A thousand million versions. A bucket that is not empty by then is being written to faster than it is emptied. */
const roundsMax = 1_000_000;

async function emptyAndDelete(calls: S3Calls, options: DeleteBucketOptions): Promise<DeletedBucket> {
  let deleted = 0;
  // Each round lists from the beginning: what the one before listed is gone by then.
  for (let round = 0; round < roundsMax; round++) {
    const versions = await unlessNoBucket(() => retry(() => listVersions(calls, options.signal), options));
    if (versions === 'no bucket') return { outcome: 'missing', deleted };
    if (versions.length === 0) {
      const end = await unlessNoBucket(() => retry(() => removeBucket(calls, options.signal), options));
      return { outcome: end === 'no bucket' ? 'missing' : 'deleted', deleted };
    }
    await retry(() => deleteVersions(calls, versions, options.signal), options);
    deleted += versions.length;
    options.onProgress?.(deleted);
  }
  throw new UnfitError('the bucket does not get empty: something goes on writing to it.', {
    facts: { bucket: calls.location.bucket },
  });
}

interface ObjectVersion {
  readonly Key: string;
  readonly VersionId: string;
}

/** As many as S3 lists in one answer and deletes in one request: 1,000. */
async function listVersions(
  calls: S3Calls,
  signal: AbortSignal | undefined,
): Promise<readonly ObjectVersion[]> {
  const command = new ListObjectVersionsCommand({ Bucket: calls.location.bucket, MaxKeys: 1_000 });
  const { Versions = [], DeleteMarkers = [] } = await calls.make(
    { operation: 'ListObjectVersions', key: '', signal },
    () => calls.connection.client.send(command, sendOptions(signal)),
  );
  return [...Versions, ...DeleteMarkers].flatMap(({ Key, VersionId }) =>
    // What was written before the bucket had versions has the version `null`, in words.
    Key === undefined ? [] : [{ Key, VersionId: VersionId ?? 'null' }],
  );
}

async function deleteVersions(
  calls: S3Calls,
  versions: readonly ObjectVersion[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const named = { operation: 'DeleteObjects', key: `(${versions.length} versions)`, signal };
  const command = new DeleteObjectsCommand({
    Bucket: calls.location.bucket,
    Delete: { Objects: [...versions], Quiet: true },
  });
  const { Errors = [] } = await calls.make(named, () =>
    calls.connection.client.send(command, sendOptions(signal)),
  );
  const failed = Errors.find(({ Code }) => Code !== 'NoSuchKey' && Code !== 'NoSuchVersion');
  if (failed === undefined) return;
  const { Key = '', Code = 'InternalError', Message = '' } = failed;
  const asError = { name: Code, message: Message, $metadata: { httpStatusCode: 400 } };
  throw calls.translate(asError, { ...named, key: Key });
}

async function removeBucket(calls: S3Calls, signal: AbortSignal | undefined): Promise<void> {
  const command = new DeleteBucketCommand({ Bucket: calls.location.bucket });
  await calls.make({ operation: 'DeleteBucket', key: '', signal }, () =>
    calls.connection.client.send(command, sendOptions(signal)),
  );
}

/** A bucket that is gone is what was asked for; a lost answer to its deletion looks the same. */
async function unlessNoBucket<Result>(call: () => Promise<Result>): Promise<Result | 'no bucket'> {
  try {
    return await call();
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (awsErrorFacts(cause).name === 'NoSuchBucket') return 'no bucket';
    throw error;
  }
}
