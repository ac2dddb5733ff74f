import { UnfitError, UsageError } from '../base/errors.ts';

/** Where a store on S3 lies. */
export interface S3Location {
  readonly bucket: string;
  /** Empty, or ends in a slash. */
  readonly prefix: string;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  /** The store speaks S3's protocol without its newer checksums. */
  readonly compat: boolean;
}

const form = 's3://bucket/prefix?region=eu-west-1';

/**
 * Reads `s3://bucket/prefix?region=&endpoint=&compat=true`.
 * @throws UsageError for a malformed address; UnfitError for buckets that cannot keep the promises of a store
 */
export function parseS3Uri(uri: string): S3Location {
  const match = /^s3:\/\/([^/?]+)\/?([^?]*)(?:\?(.*))?$/.exec(uri);
  if (match === null)
    throw new UsageError('not the address of a store on S3:', { facts: { uri }, hint: form });
  const [, bucket = '', path = '', query = ''] = match;
  refuseUnfitBucket(bucket, uri);
  const settings = new URLSearchParams(query);
  const unknown = [...settings.keys()].find((name) => !['region', 'endpoint', 'compat'].includes(name));
  if (unknown !== undefined)
    throw new UsageError('unknown setting in the address of a store:', {
      facts: { setting: unknown, uri },
      hint: 'known are region, endpoint and compat',
    });
  const prefix = path.replace(/^\/+|\/+$/g, '');
  return {
    bucket,
    prefix: prefix === '' ? '' : `${prefix}/`,
    region: settings.get('region') ?? undefined,
    endpoint: endpointOf(settings.get('endpoint'), uri),
    compat: compatOf(settings.get('compat'), uri),
  };
}

/** The one spelling of a location, which the journal keeps and compares. */
export function s3UriOf(location: S3Location): string {
  const settings = new URLSearchParams();
  if (location.region !== undefined) settings.set('region', location.region);
  if (location.endpoint !== undefined) settings.set('endpoint', location.endpoint);
  if (location.compat) settings.set('compat', 'true');
  const path = location.prefix.replace(/\/$/, '');
  const query = settings.size === 0 ? '' : `?${settings.toString()}`;
  return `s3://${location.bucket}${path === '' ? '' : `/${path}`}${query}`;
}

function refuseUnfitBucket(bucket: string, uri: string): void {
  // Such an access point answers from several buckets that replicate later: two workers could both create one slot.
  if (/\.mrap$|^arn:[^:]*:s3::/.test(bucket))
    throw new UnfitError('a Multi-Region Access Point cannot decide which of two writers came first:', {
      facts: { uri },
      hint: `name one bucket in one region: ${form}`,
    });
  if (bucket.startsWith('arn:'))
    throw new UsageError('a store is named by its bucket, not by an ARN:', {
      facts: { uri },
      hint: `name the bucket or the alias of the access point: ${form}`,
    });
  // Directory buckets list in no order, and the journal is read in order.
  if (bucket.endsWith('--x-s3'))
    throw new UnfitError('a directory bucket (S3 Express One Zone) does not list in order:', {
      facts: { uri },
      hint: 'use a general purpose bucket; a replacement instance is often in another zone anyway',
    });
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    throw new UsageError('not the name of a bucket:', { facts: { bucket, uri }, hint: form });
}

function endpointOf(endpoint: string | null, uri: string): string | undefined {
  if (endpoint === null) return undefined;
  if (!URL.canParse(endpoint) || !/^https?:/.test(endpoint))
    throw new UsageError('an endpoint is an http or https address:', { facts: { endpoint, uri } });
  return endpoint.replace(/\/+$/, '');
}

function compatOf(compat: string | null, uri: string): boolean {
  if (compat === null || compat === 'false') return false;
  if (compat === 'true') return true;
  throw new UsageError('compat is true or false:', { facts: { compat, uri } });
}
