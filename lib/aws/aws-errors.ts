/**
 * The only place where errors of AWS (and of stores that speak its protocols) become ours: by name, HTTP status and
 * the error code of Node's sockets. The vendor's error is always the `cause`.
 */
import {
  AccessDeniedError,
  CorruptionError,
  type Facts,
  NotFoundError,
  TransientError,
  UnfitError,
} from '../base/errors.ts';

/** By the names that AWS itself uses for people. */
export type AwsService =
  | 'S3'
  | 'SQS'
  | 'EC2'
  | 'EC2 Auto Scaling'
  | 'STS'
  | 'Service Quotas'
  | 'Price List'
  | 'FIS';

/** What was being asked of AWS, for the message. */
export interface AwsCall {
  readonly service: AwsService;
  readonly operation: string;
  /** Bucket and key, the queue, or whatever else was asked about. */
  readonly target: string;
  readonly signal?: AbortSignal | undefined;
}

/** The parts of a vendor's error that decisions rest on. */
export interface AwsErrorFacts {
  readonly name: string;
  readonly status: number | undefined;
  readonly socketCode: string | undefined;
  readonly message: string;
  readonly region: string | undefined;
  readonly requestId: string | undefined;
}

/**
 * The error to throw in place of `error`: the signal's reason when the caller gave up, `TransientError`,
 * `AccessDeniedError`, `NotFoundError`, `CorruptionError` (the bytes are not those of the stated digest) or
 * `UnfitError`. What did not come from the service or the network is a fault
 * of the program and is returned as it is.
 */
export function translateAwsError(error: unknown, call: AwsCall): unknown {
  if (call.signal?.aborted === true) return call.signal.reason;
  const read = awsErrorFacts(error);
  const options = { facts: factsOf(call, read), cause: error };
  if (isTransient(read)) {
    const hint = transientHint(read);
    const applied = call.service === 'S3' && isSurelyUnapplied(read) ? { applied: 'no' as const } : {};
    return new TransientError(`${call.service} did not answer this call properly:`, {
      ...options,
      ...(hint === undefined ? {} : { hint }),
      ...applied,
    });
  }
  if (isRefusal(read))
    return new AccessDeniedError(`${call.service} refused access:`, {
      ...options,
      hint: refusalHint(read),
      ...(lacksCredentials(read) && { caller: 'nobody' as const }),
    });
  if (digestNames.has(read.name))
    return new CorruptionError('the store refused bytes that do not hash to their digest:', options);
  if (isMissingContainer(read)) return missingContainer(call, options);
  if (isWrongRegion(read)) {
    const hint = `name the region of the bucket, as ?region=${read.region ?? '<region>'} in the address of the store`;
    return new UnfitError(`${call.service} holds this bucket in another region:`, { ...options, hint });
  }
  if (read.name === 'NoSuchKey') return new NotFoundError(`${call.service} has no such object:`, options);
  if (isUntrustedPeer(read)) {
    const hint =
      'check the endpoint; where a proxy signs certificates itself, set NODE_EXTRA_CA_CERTS to its authority';
    return new UnfitError(`the certificate of the endpoint is not trusted:`, { ...options, hint });
  }
  if (read.status !== undefined)
    return new UnfitError(`${call.service} does not accept this call:`, {
      ...options,
      hint:
        call.service === 'S3'
          ? 'check the endpoint; for a store that only resembles S3 add ?compat=true to its address'
          : 'check the endpoint and the region',
    });
  return error;
}

/** Reads what an SDK error says without trusting its shape. */
export function awsErrorFacts(error: unknown): AwsErrorFacts {
  const metadata = field(error, '$metadata');
  const response = field(error, '$response');
  return {
    // Errors outside the SDK's model of SQS keep the prefix of its older protocol.
    name: (textOf(field(error, 'name')) ?? 'Error').replace(/^AWS\.SimpleQueueService\./, ''),
    status: numberOf(field(metadata, 'httpStatusCode')) ?? numberOf(field(response, 'statusCode')),
    socketCode: textOf(field(error, 'code')),
    message: textOf(field(error, 'message')) ?? String(error),
    region:
      textOf(field(field(response, 'headers'), 'x-amz-bucket-region')) ?? textOf(field(error, 'Region')),
    requestId: textOf(field(metadata, 'requestId')),
  };
}

const transientNames = new Set([
  'ConditionalRequestConflict',
  'IncompleteBody',
  'InternalError',
  'InternalFailure',
  'OperationAborted',
  'OverLimit',
  'PriorRequestNotComplete',
  'RequestTimeout',
  'RequestTimeoutException',
  'ResourceContention',
  'ResourceContentionFault',
  'ScalingActivityInProgress',
  'ScalingActivityInProgressFault',
  'ServiceUnavailable',
  'SlowDown',
  'TemporaryRedirect',
  'TimeoutError',
]);
const throttling = /throttl|toomanyrequests|bandwidthlimit|requestlimitexceeded/i;
/** Node's codes for a name that did not resolve or a connection that failed, broke or spoke no HTTP. */
const socketFailure =
  /^(?:ECONN\w+|EPIPE|ETIMEDOUT|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ENOTFOUND|EAI_AGAIN|EPROTO|ERR_STREAM_PREMATURE_CLOSE|HPE_\w+)$/;
/** A status with which the service itself failed. 501 means that it never learned the operation. */
const failedStatuses = new Set([409, 429, 500, 502, 503, 504]);

function isTransient(read: AwsErrorFacts): boolean {
  return (
    transientNames.has(read.name) ||
    throttling.test(read.name) ||
    isClockError(read) ||
    (read.status !== undefined && failedStatuses.has(read.status)) ||
    (read.socketCode !== undefined && socketFailure.test(read.socketCode)) ||
    // A success whose document does not parse was cut on its way.
    (read.status !== undefined && read.status >= 200 && read.status < 300)
  );
}

/**
 * The service said that it did not carry the call out, or never heard of it. A 5xx says neither. Only a call that was
 * made once can tell: the error of a second try says nothing about the first.
 */
function isSurelyUnapplied(read: AwsErrorFacts): boolean {
  return (
    read.status === 409 ||
    read.status === 429 ||
    isClockError(read) ||
    (read.socketCode !== undefined && ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'].includes(read.socketCode))
  );
}

/** The SDK corrects its clock from the refusal's Date header, so that the next try is signed properly. */
function isClockError(read: AwsErrorFacts): boolean {
  return ['RequestTimeTooSkewed', 'RequestInTheFuture', 'RequestExpired'].includes(read.name);
}

function transientHint(read: AwsErrorFacts): string | undefined {
  if (isClockError(read)) return 'check the clock of this machine (chronyc tracking)';
  if (read.socketCode === 'ENOTFOUND')
    return 'no host has this name: check the spelling of the region (AWS_REGION, ?region=…) and the network';
  return undefined;
}

const refusedNames = new Set([
  'AuthFailure',
  'AccessDenied',
  'AccessDeniedException',
  'AllAccessDisabled',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSecurity',
  'InvalidToken',
  'MissingAuthenticationToken',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'TokenRefreshRequired',
  'UnrecognizedClientException',
]);

function isRefusal(read: AwsErrorFacts): boolean {
  return refusedNames.has(read.name) || /^kms/i.test(read.name) || read.status === 403 || read.status === 401;
}

/** Credentials that were never found, or are over: the machine's trouble, whatever the call was about. */
function lacksCredentials({ name }: AwsErrorFacts): boolean {
  return /^(?:CredentialsProviderError|TokenProviderError|ExpiredToken|ExpiredTokenException|TokenRefreshRequired)$/.test(
    name,
  );
}

function refusalHint(read: AwsErrorFacts): string {
  if (/^ExpiredToken|TokenRefreshRequired/.test(read.name) || isExpiredSession(read))
    return 'the credentials have expired: sign in again (`aws sso login`), or renew the session token';
  if (read.name === 'CredentialsProviderError' || read.name === 'TokenProviderError')
    return 'no usable AWS credentials were found: run `aws configure`, set AWS_PROFILE, or sign in (`aws sso login`)';
  if (unknownKeyNames.has(read.name))
    return 'AWS does not know these credentials: run `aws sts get-caller-identity`, check AWS_PROFILE and AWS_ACCESS_KEY_ID; a region that needs to be switched on for the account gives the same answer';
  if (/^kms/i.test(read.name) || /kms/i.test(read.message))
    return 'allow kms:Decrypt and kms:GenerateDataKey on the key of the bucket or queue';
  return 'check the permissions of this identity; without s3:ListBucket S3 refuses even to say that an object is missing';
}

const unknownKeyNames = new Set([
  'AuthFailure',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidToken',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
]);

/** A sign-in whose time is over is found by the chain of providers, before any service is asked. */
function isExpiredSession({ name, message }: AwsErrorFacts): boolean {
  return /^(?:Credentials|Token)ProviderError$/.test(name) && /expired/i.test(message);
}

const digestNames = new Set(['BadDigest', 'XAmzContentSHA256Mismatch', 'XAmzContentChecksumMismatch']);

function isMissingContainer(read: AwsErrorFacts): boolean {
  return (
    read.name === 'NoSuchBucket' ||
    ['QueueDoesNotExist', 'NonExistentQueue', 'QueueDeletedRecently'].includes(read.name)
  );
}

function missingContainer(
  call: AwsCall,
  options: { readonly facts: Facts; readonly cause: unknown },
): UnfitError {
  const hint = 'check the address and the region; Holdfast uses what is there and creates neither';
  return new UnfitError(`there is no such ${call.service === 'S3' ? 'bucket' : 'queue'}:`, {
    ...options,
    hint,
  });
}

function isWrongRegion(read: AwsErrorFacts): boolean {
  return (
    read.status === 301 ||
    ['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'].includes(
      read.name,
    )
  );
}

function isUntrustedPeer(read: AwsErrorFacts): boolean {
  return read.socketCode !== undefined && /CERT|ERR_TLS|ERR_SSL|UNABLE_TO_/.test(read.socketCode);
}

function factsOf(call: AwsCall, read: AwsErrorFacts): Facts {
  return {
    operation: call.operation,
    target: call.target,
    error: read.socketCode ?? read.name,
    status: read.status,
    // The SDK adds a second line for its own developers to what it could not parse.
    said: read.message.split('\n')[0],
    requestId: read.requestId,
  };
}

/** A field of a value of unknown shape; errors keep some of theirs on the prototype. */
function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;
const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
