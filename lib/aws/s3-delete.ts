import { DeleteObjectCommand, DeleteObjectsCommand } from '@aws-sdk/client-s3';
import { sendOptions } from './aws-client.ts';
import { type S3Calls } from './s3-calls.ts';

/** What S3 deletes in one request. */
const keysPerRequest = 1_000;
/** Requests under way at once where each takes one key: a third of the SDK's 50 connections. */
const requestsAtOnce = 16;

/** Deletes `keys`. Stores with `compat` take one key a request: theirs may demand a checksum that S3 gave up. */
export async function deleteObjects(
  calls: S3Calls,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const single = calls.location.compat || keys.length === 1;
  const atOnce = single ? requestsAtOnce : keysPerRequest;
  for (let start = 0; start < keys.length; start += atOnce) {
    const some = keys.slice(start, start + atOnce);
    if (single) await Promise.all(some.map((key) => deleteOne(calls, key, signal)));
    else await deleteMany(calls, some, signal);
  }
}

async function deleteOne(calls: S3Calls, key: string, signal: AbortSignal | undefined): Promise<void> {
  const command = new DeleteObjectCommand(calls.address(key));
  await calls.unlessMissing({ operation: 'DeleteObject', key, signal }, () =>
    calls.connection.client.send(command, sendOptions(signal)),
  );
}

async function deleteMany(
  calls: S3Calls,
  keys: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const operation = 'DeleteObjects';
  const { bucket, prefix } = calls.location;
  const Objects = keys.map((key) => ({ Key: `${prefix}${key}` }));
  const command = new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } });
  const output = await calls.make({ operation, key: `(${keys.length} keys)`, signal }, () =>
    calls.connection.client.send(command, sendOptions(signal)),
  );
  // Each key has an answer of its own inside a success. All were tried; the first failure decides what to do.
  const failed = output.Errors?.find(({ Code }) => Code !== 'NoSuchKey');
  if (failed === undefined) return;
  const { Key = '', Code = 'InternalError', Message = '' } = failed;
  const asError = { name: Code, message: Message, $metadata: { httpStatusCode: 400 } };
  throw calls.translate(asError, { operation, key: Key.slice(prefix.length), signal });
}
