import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandOutput,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { sha256Hex } from '../base/digest.ts';
import type {
  CopyResult,
  CreateResult,
  GetOptions,
  ListedObject,
  ObjectPage,
  ObjectStore,
  PutOptions,
  ReadOptions,
  ReplaceResult,
  StoredObject,
  Written,
} from '../store/object-store.ts';
import { awsErrorFacts } from './aws-errors.ts';
import { answerTimeoutMs, awsTimeouts, type AwsTimeouts } from './aws-timeouts.ts';
import { readBody } from './read-body.ts';
import { readDirectly } from './read-directly.ts';
import { sendOptions } from './aws-client.ts';
import { given, isBareNotFound, isMissingObject, type S3Call, S3Calls } from './s3-calls.ts';
import { connectS3, withRegion } from './s3-client.ts';
import { deleteObjects } from './s3-delete.ts';
import { parseS3Uri, s3UriOf } from './s3-uri.ts';

export interface S3Options {
  /** Instead of the SDK's own chain: environment, profile, instance role. */
  readonly credentials?: NonNullable<S3ClientConfig['credentials']>;
  readonly timeouts?: AwsTimeouts;
}

/**
 * The object store on S3, or on a store that speaks its protocol: `s3://bucket/prefix?region=&endpoint=&compat=true`.
 * It makes each call once; wrap it in the retrying decorator. One thing S3 cannot say: `head` of a key in a bucket that
 * does not exist answers as for a missing object.
 * @throws UsageError for a malformed address or when no region is known; UnfitError for a bucket that cannot keep the
 * promises of a store, as a Multi-Region Access Point
 */
export async function openS3ObjectStore(uri: string, options: S3Options = {}): Promise<ObjectStore> {
  const { timeouts = awsTimeouts, ...rest } = options;
  const location = await withRegion(parseS3Uri(uri));
  return new S3ObjectStore(new S3Calls(connectS3(location, { timeouts, ...rest }), location), timeouts);
}

/** The most keys that S3 lists on a page. */
const keysPerPage = 1_000;

interface Conditions {
  readonly IfNoneMatch?: string;
  readonly IfMatch?: string;
}

class S3ObjectStore implements ObjectStore {
  readonly uri: string;
  readonly #calls: S3Calls;
  readonly #timeouts: AwsTimeouts;

  constructor(calls: S3Calls, timeouts: AwsTimeouts) {
    this.uri = s3UriOf(calls.location);
    this.#calls = calls;
    this.#timeouts = timeouts;
  }

  async get(
    key: string,
    { signal, into, hashes = false }: GetOptions = {},
  ): Promise<StoredObject | undefined> {
    const command = new GetObjectCommand(this.#calls.address(key));
    const direct =
      into === undefined
        ? undefined
        : readDirectly(command, this.#calls.connection.reads, { into, hashes, signal });
    return this.#calls.unlessMissing({ operation: 'GetObject', key, signal }, async () => {
      const output = await this.#calls.connection.client.send(command, sendOptions(signal));
      const { body, sha256 } = direct?.() ?? {
        body: await readBody(output.Body, output.ContentLength, into),
        sha256: undefined,
      };
      return {
        key,
        body,
        ...(sha256 !== undefined && { sha256 }),
        etag: given(output.ETag, 'ETag'),
        lastModified: given(output.LastModified, 'Last-Modified'),
        serverTime: this.#calls.connection.serverTimeOf(output),
      };
    });
  }

  async head(key: string, { signal }: ReadOptions = {}): Promise<ListedObject | undefined> {
    const command = new HeadObjectCommand(this.#calls.address(key));
    const read = async (): Promise<ListedObject> => {
      const output = await this.#calls.connection.client.send(command, sendOptions(signal));
      return {
        key,
        bytes: given(output.ContentLength, 'Content-Length'),
        etag: given(output.ETag, 'ETag'),
        lastModified: given(output.LastModified, 'Last-Modified'),
      };
    };
    return this.#calls.unlessMissing({ operation: 'HeadObject', key, signal }, read, isBareNotFound);
  }

  async put(key: string, body: Uint8Array, options: PutOptions = {}): Promise<Written> {
    const call: S3Call = { operation: 'PutObject', key, signal: options.signal };
    return this.#calls.make(call, async () => this.#written(await this.#put(key, body, options)));
  }

  async createIfAbsent(key: string, body: Uint8Array, options: PutOptions = {}): Promise<CreateResult> {
    const call: S3Call = { operation: 'PutObject (if absent)', key, signal: options.signal };
    return this.#calls.make(call, async (): Promise<CreateResult> => {
      try {
        const output = await this.#put(key, body, { ...options, IfNoneMatch: '*' });
        return { outcome: 'created', ...this.#written(output) };
      } catch (error) {
        if (awsErrorFacts(error).status === 412) return { outcome: 'exists' };
        throw error;
      }
    });
  }

  async replaceIfMatch(
    key: string,
    body: Uint8Array,
    options: PutOptions & { readonly etag: string },
  ): Promise<ReplaceResult> {
    const call: S3Call = { operation: 'PutObject (if unchanged)', key, signal: options.signal };
    return this.#calls.make(call, async (): Promise<ReplaceResult> => {
      try {
        const output = await this.#put(key, body, { ...options, IfMatch: options.etag });
        return { outcome: 'replaced', ...this.#written(output) };
      } catch (error) {
        // S3 answers 404, not 412, where there is no object whose ETag could match.
        if (awsErrorFacts(error).status === 412 || isMissingObject(error)) return { outcome: 'changed' };
        throw error;
      }
    });
  }

  /**
   * S3 copies up to 5 GiB in one request, far beyond a chunk. It may answer 200 and an error in the body; the SDK reads
   * it and throws that error.
   */
  async copy(from: string, to: string, { signal }: ReadOptions = {}): Promise<CopyResult> {
    const { Bucket, Key } = this.#calls.address(from);
    const command = new CopyObjectCommand({
      ...this.#calls.address(to),
      CopySource: `${Bucket}/${Key.split('/').map(encodeURIComponent).join('/')}`,
      // Without it an object that was stored under another checksum would keep that one.
      ...(this.#calls.location.compat ? {} : { ChecksumAlgorithm: 'SHA256' as const }),
    });
    const copied = await this.#calls.unlessMissing(
      { operation: 'CopyObject', key: from, signal },
      async () => {
        const output = await this.#calls.connection.client.send(command, sendOptions(signal));
        const { ETag, ChecksumSHA256 } = given(output.CopyObjectResult, 'CopyObjectResult');
        return {
          etag: given(ETag, 'ETag'),
          sha256: sha256OfChecksum(ChecksumSHA256),
          serverTime: this.#calls.connection.serverTimeOf(output),
        };
      },
    );
    return copied === undefined ? { outcome: 'missing' } : { outcome: 'copied', ...copied };
  }

  async list(
    prefix: string,
    options: ReadOptions & { readonly after?: string; readonly limit?: number } = {},
  ): Promise<ObjectPage> {
    const { after, limit = keysPerPage, signal } = options;
    const { bucket, prefix: root } = this.#calls.location;
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: `${root}${prefix}`,
      MaxKeys: Math.min(limit, keysPerPage),
      ...(after === undefined ? {} : { StartAfter: `${root}${after}` }),
    });
    return this.#calls.make({ operation: 'ListObjectsV2', key: prefix, signal }, async () => {
      const output = await this.#calls.connection.client.send(command, sendOptions(signal));
      const objects = (output.Contents ?? []).map((listed) => ({
        key: given(listed.Key, 'Key').slice(root.length),
        bytes: given(listed.Size, 'Size'),
        etag: given(listed.ETag, 'ETag'),
        lastModified: given(listed.LastModified, 'LastModified'),
      }));
      const next = output.IsTruncated === true ? objects.at(-1)?.key : undefined;
      return { objects, next, serverTime: this.#calls.connection.serverTimeOf(output) };
    });
  }

  async delete(keys: readonly string[], { signal }: ReadOptions = {}): Promise<void> {
    await deleteObjects(this.#calls, keys, signal);
  }

  close(): Promise<void> {
    this.#calls.connection.client.destroy();
    this.#calls.connection.reads.close();
    return Promise.resolve();
  }

  async #put(
    key: string,
    body: Uint8Array,
    options: PutOptions & Conditions,
  ): Promise<PutObjectCommandOutput> {
    const { sha256 = sha256Hex(body), signal, IfNoneMatch, IfMatch } = options;
    const command = new PutObjectCommand({
      ...this.#calls.address(key),
      Body: body,
      ContentLength: body.length,
      // S3 refuses bytes that do not hash to this; the client signs them by the same hash (s3-client.ts).
      ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
      ...(IfNoneMatch === undefined ? {} : { IfNoneMatch }),
      ...(IfMatch === undefined ? {} : { IfMatch }),
    });
    const requestTimeout = answerTimeoutMs(this.#timeouts, body.length);
    return this.#calls.connection.client.send(command, { ...sendOptions(signal), requestTimeout });
  }

  #written(output: PutObjectCommandOutput): Written {
    return {
      etag: given(output.ETag, 'ETag'),
      serverTime: this.#calls.connection.serverTimeOf(output),
    };
  }
}

/** In hexadecimal. One of several parts, which ends in their number, says nothing about the bytes as a whole. */
function sha256OfChecksum(checksum: string | undefined): string | undefined {
  if (checksum === undefined || !/^[A-Za-z0-9+/]{43}=$/.test(checksum)) return undefined;
  return Buffer.from(checksum, 'base64').toString('hex');
}
