import { UnfitError, UsageError } from '../base/errors.ts';

/** Where a queue is and how it is reached. */
export interface SqsAddress {
  /** Without our own settings. */
  readonly queueUrl: string;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
}

const form = 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs';
const awsHosts: readonly RegExp[] = [
  /^sqs(?:-fips)?\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)$/,
  /^([a-z0-9-]+)\.queue\.amazonaws\.com$/,
];

/**
 * Reads the URL of a queue, to which `?region=` and `?endpoint=` may be added. The region of an AWS queue stands in its
 * host; any other host (an emulator, an interface endpoint) is itself the endpoint to call, unless the environment names
 * one (`configured`).
 * @throws UsageError for a malformed URL; UnfitError for a FIFO queue
 */
export function parseSqsUrl(uri: string, configured?: string): SqsAddress {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname.length < 2)
    throw new UsageError('not the URL of an SQS queue:', { facts: { uri }, hint: form });
  // A FIFO queue hides the rest of a group while one of its messages is in flight: one job at a time for each owner.
  if (url.pathname.endsWith('.fifo'))
    throw new UnfitError('a FIFO queue runs one job of an owner at a time:', {
      facts: { uri },
      hint: 'use a standard queue',
    });
  const settings = url.searchParams;
  const unknown = [...settings.keys()].find((name) => name !== 'region' && name !== 'endpoint');
  if (unknown !== undefined)
    throw new UsageError('unknown setting in the URL of a queue:', {
      facts: { setting: unknown, uri },
      hint: 'known are region and endpoint',
    });
  const inHost = awsHosts.map((host) => host.exec(url.hostname)?.[1]).find((region) => region !== undefined);
  return {
    queueUrl: `${url.origin}${url.pathname}`,
    region: settings.get('region') ?? inHost,
    endpoint:
      endpointOf(settings.get('endpoint'), uri) ??
      configured ??
      (inHost === undefined ? url.origin : undefined),
  };
}

function endpointOf(endpoint: string | null, uri: string): string | undefined {
  if (endpoint === null) return undefined;
  if (!URL.canParse(endpoint) || !/^https?:/.test(endpoint))
    throw new UsageError('an endpoint is an http or https address:', { facts: { endpoint, uri } });
  return endpoint.replace(/\/+$/, '');
}
