import {
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectVersionsCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError, UnfitError } from '../../../lib/base/errors.ts';
import { systemRandom } from '../../../lib/base/random.ts';
import { deleteBucket, type DeleteBucketOptions } from '../../../lib/aws/delete-bucket.ts';
import { manualClock } from '../../support/manual-clock.ts';

const uri = 's3://bucket?region=eu-central-1';

function vendorError(name: string, status: number): Error {
  return Object.assign(new Error(name), { name, $metadata: { httpStatusCode: status } });
}

describe('deleteBucket', () => {
  let s3: AwsClientStub<S3Client>;
  let options: DeleteBucketOptions;
  beforeEach(() => {
    s3 = mockClient(S3Client);
    s3.on(DeleteObjectsCommand).resolves({});
    s3.on(DeleteBucketCommand).resolves({});
    options = { clock: manualClock(), random: systemRandom };
  });
  afterEach(() => s3.restore());

  it('deletes every version and every delete marker, page by page, and then the bucket', async () => {
    s3.on(ListObjectVersionsCommand)
      .resolvesOnce({
        Versions: [
          { Key: 'a', VersionId: '1' },
          { Key: 'a', VersionId: '2' },
        ],
        DeleteMarkers: [{ Key: 'b', VersionId: '3' }],
        IsTruncated: true,
      })
      .resolvesOnce({ Versions: [{ Key: 'old' }] })
      .resolves({});
    const progress: number[] = [];
    expect(await deleteBucket(uri, { ...options, onProgress: (deleted) => progress.push(deleted) })).toEqual({
      outcome: 'deleted',
      deleted: 4,
    });
    expect(progress).toEqual([3, 4]);
    expect(s3.commandCalls(DeleteObjectsCommand).map(({ args }) => args[0].input.Delete?.Objects)).toEqual([
      [
        { Key: 'a', VersionId: '1' },
        { Key: 'a', VersionId: '2' },
        { Key: 'b', VersionId: '3' },
      ],
      [{ Key: 'old', VersionId: 'null' }],
    ]);
    expect(s3.commandCalls(DeleteBucketCommand)[0]?.args[0].input).toEqual({ Bucket: 'bucket' });
    expect(s3.calls().at(-1)?.args[0]).toBeInstanceOf(DeleteBucketCommand);
  });

  it('is content with a bucket that is gone', async () => {
    s3.on(ListObjectVersionsCommand).rejects(vendorError('NoSuchBucket', 404));
    expect(await deleteBucket(uri, options)).toEqual({ outcome: 'missing', deleted: 0 });
    expect(s3.commandCalls(DeleteBucketCommand)).toHaveLength(0);
  });

  it('stops at an object that it may not delete, and leaves the bucket', async () => {
    s3.on(ListObjectVersionsCommand).resolves({ Versions: [{ Key: 'kept', VersionId: '1' }] });
    s3.on(DeleteObjectsCommand).resolves({ Errors: [{ Key: 'kept', Code: 'AccessDenied' }] });
    await expect(deleteBucket(uri, options)).rejects.toThrow(AccessDeniedError);
    expect(s3.commandCalls(DeleteBucketCommand)).toHaveLength(0);
  });

  it('does not touch a bucket of which the store is only a part', async () => {
    await expect(deleteBucket('s3://bucket/runs?region=eu-central-1', options)).rejects.toThrow(UnfitError);
    expect(s3.calls()).toHaveLength(0);
  });

  it('goes no further once it is interrupted', async () => {
    const keyboard = new AbortController();
    s3.on(ListObjectVersionsCommand).resolves({ Versions: [{ Key: 'a', VersionId: '1' }] });
    await expect(
      deleteBucket(uri, {
        ...options,
        signal: keyboard.signal,
        onProgress: () => keyboard.abort(new Error('Ctrl-C')),
      }),
    ).rejects.toThrow('Ctrl-C');
    expect(s3.commandCalls(DeleteObjectsCommand)).toHaveLength(1);
  });
});
