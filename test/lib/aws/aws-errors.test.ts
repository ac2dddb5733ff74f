import { describe, expect, it } from 'vitest';
import { HoldfastError } from '../../../lib/base/errors.ts';
import { translateAwsError } from '../../../lib/aws/aws-errors.ts';

const call = { service: 'S3', operation: 'PutObject', target: 's3://bucket/key' } as const;

/** As the SDK makes them: a name, a message, a status, sometimes the code of a socket. */
const vendorError = (facts: {
  readonly name?: string;
  readonly message?: string;
  readonly status?: number;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
}): Error =>
  Object.assign(new Error(facts.message ?? 'said so'), {
    ...(facts.name === undefined ? {} : { name: facts.name }),
    ...(facts.code === undefined ? {} : { code: facts.code }),
    ...(facts.headers === undefined ? {} : { $response: { headers: facts.headers } }),
    $metadata: facts.status === undefined ? {} : { httpStatusCode: facts.status, requestId: 'REQ1' },
  });

type Expected = Readonly<Record<string, readonly Parameters<typeof vendorError>[0][]>>;

const expected: Expected = {
  TRANSIENT: [
    { name: 'InternalError', status: 500 },
    { name: 'BadGateway', status: 502 },
    { name: 'SlowDown', status: 503 },
    { name: 'ServiceUnavailable', status: 503 },
    { name: 'GatewayTimeout', status: 504 },
    { name: 'TooManyRequestsException', status: 429 },
    { name: 'ConditionalRequestConflict', status: 409 },
    { name: 'OperationAborted', status: 409 },
    { name: 'RequestTimeout', status: 400 },
    { name: 'IncompleteBody', status: 400 },
    { name: 'RequestTimeTooSkewed', status: 403 },
    // SQS throttles with 403, KMS with 400: the name decides before the status.
    { name: 'RequestThrottled', status: 403 },
    { name: 'ThrottlingException', status: 400 },
    { name: 'KMS.ThrottlingException', status: 400 },
    { name: 'OverLimit', status: 403 },
    { name: 'ScalingActivityInProgressFault', status: 400 },
    { name: 'ResourceContentionFault', status: 400 },
    { name: 'TimeoutError' },
    { code: 'ECONNRESET' },
    { code: 'ECONNREFUSED' },
    { code: 'EPIPE' },
    { code: 'ENOTFOUND' },
    { code: 'EAI_AGAIN' },
    { code: 'HPE_INVALID_CONSTANT' },
    // The head said success, the document did not parse.
    { name: 'SyntaxError', status: 200 },
  ],
  ACCESS_DENIED: [
    { name: 'AccessDenied', status: 403 },
    { name: 'Forbidden', status: 403 },
    { name: 'UnknownError', status: 403 },
    { name: 'ExpiredToken', status: 400 },
    { name: 'ExpiredTokenException', status: 400 },
    { name: 'TokenRefreshRequired', status: 400 },
    { name: 'InvalidAccessKeyId', status: 403 },
    { name: 'SignatureDoesNotMatch', status: 403 },
    { name: 'CredentialsProviderError' },
    { name: 'KMS.DisabledException', status: 400 },
    { name: 'KMS.NotFoundException', status: 400 },
    { name: 'KmsAccessDenied', status: 400 },
  ],
  NOT_FOUND: [{ name: 'NoSuchKey', status: 404 }],
  CORRUPT: [
    { name: 'BadDigest', status: 400 },
    { name: 'XAmzContentSHA256Mismatch', status: 400 },
  ],
  UNFIT: [
    { name: 'NoSuchBucket', status: 404 },
    { name: 'QueueDoesNotExist', status: 400 },
    { name: 'AWS.SimpleQueueService.NonExistentQueue', status: 400 },
    { name: 'PermanentRedirect', status: 301 },
    { name: 'AuthorizationHeaderMalformed', status: 400 },
    { name: 'NotImplemented', status: 501 },
    { name: 'MethodNotAllowed', status: 405 },
    { name: 'InvalidRequest', status: 400 },
    { name: 'NotFound', status: 404 },
    { code: 'SELF_SIGNED_CERT_IN_CHAIN' },
    { code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
  ],
};

const appliedOf = (facts: Parameters<typeof vendorError>[0], service: 'S3' | 'SQS' = 'S3'): unknown =>
  translateAwsError(vendorError(facts), { ...call, service });
const hintOf = (name: string): unknown => translateAwsError(vendorError({ name, status: 400 }), call);

describe('an error of AWS', () => {
  for (const [code, errors] of Object.entries(expected))
    for (const facts of errors)
      it(`is ${code}: ${facts.name ?? facts.code} ${facts.status ?? ''}`, () => {
        const vendor = vendorError(facts);
        const error = translateAwsError(vendor, call);
        expect(error).toBeInstanceOf(HoldfastError);
        expect(error).toMatchObject({ code, cause: vendor });
        expect(String(error)).toContain('operation=`PutObject`, target=`s3://bucket/key`');
        if (code === 'UNFIT' || code === 'ACCESS_DENIED')
          expect(error).toHaveProperty('hint', expect.any(String));
      });

  it('says that nothing was written only where that is certain', () => {
    expect(appliedOf({ status: 409 })).toMatchObject({ applied: 'no' });
    expect(appliedOf({ status: 429 })).toMatchObject({ applied: 'no' });
    expect(appliedOf({ code: 'ECONNREFUSED' })).toMatchObject({ applied: 'no' });
    expect(appliedOf({ status: 500 })).toMatchObject({ applied: 'unknown' });
    expect(appliedOf({ status: 503 })).toMatchObject({ applied: 'unknown' });
    expect(appliedOf({ code: 'ECONNRESET' })).toMatchObject({ applied: 'unknown' });
    expect(appliedOf({ name: 'TimeoutError' })).toMatchObject({ applied: 'unknown' });
    // Calls to SQS are tried three times: the last error knows nothing of the first.
    expect(appliedOf({ code: 'ECONNREFUSED' }, 'SQS')).toMatchObject({ applied: 'unknown' });
  });

  it.each([
    ['CredentialsProviderError', undefined, 'nobody'],
    ['ExpiredToken', 400, 'nobody'],
    ['AccessDenied', 403, 'somebody'],
    ['InvalidAccessKeyId', 403, 'somebody'],
    ['KMS.DisabledException', 400, 'somebody'],
  ])('tells a refusal from a machine without credentials: %s', (name, status, caller) => {
    const vendor = vendorError({ name, ...(status !== undefined && { status }) });
    expect(translateAwsError(vendor, call)).toMatchObject({ code: 'ACCESS_DENIED', caller });
  });

  it('names the region that the bucket is in', () => {
    const moved = vendorError({
      name: 'PermanentRedirect',
      status: 301,
      headers: { 'x-amz-bucket-region': 'eu-north-1' },
    });
    expect(translateAwsError(moved, call)).toMatchObject({
      hint: expect.stringContaining('?region=eu-north-1'),
    });
  });

  it('tells an operator what to do about keys and about credentials that are gone', () => {
    expect(hintOf('KMS.DisabledException')).toMatchObject({ hint: expect.stringContaining('kms:Decrypt') });
    expect(hintOf('ExpiredToken')).toMatchObject({ hint: expect.stringContaining('aws sso login') });
    expect(hintOf('CredentialsProviderError')).toMatchObject({
      hint: expect.stringContaining('AWS_PROFILE'),
    });
  });

  it('tells a person with an old sign-in to sign in again, and one with none how to begin', () => {
    const ofProvider = (name: string, message: string): unknown =>
      translateAwsError(Object.assign(new Error(message), { name }), { ...call, service: 'STS' });
    for (const message of [
      'The SSO session associated with this profile has expired.',
      'Token is expired. To refresh this SSO session run aws sso login',
    ]) {
      const hint = expect.stringMatching(/expired.*`aws sso login`/);
      expect(ofProvider('CredentialsProviderError', message)).toMatchObject({ code: 'ACCESS_DENIED', hint });
      expect(ofProvider('TokenProviderError', message)).toMatchObject({ code: 'ACCESS_DENIED', hint });
    }
    expect(
      ofProvider('CredentialsProviderError', 'Could not load credentials from any providers'),
    ).toMatchObject({ hint: expect.stringMatching(/`aws configure`.*AWS_PROFILE.*`aws sso login`/) });
    expect(hintOf('InvalidClientTokenId')).toMatchObject({
      hint: expect.stringContaining('`aws sts get-caller-identity`'),
    });
  });

  it('asks for the spelling of the region where no host has the name', () => {
    expect(translateAwsError(vendorError({ code: 'ENOTFOUND' }), call)).toMatchObject({
      code: 'TRANSIENT',
      hint: expect.stringContaining('AWS_REGION'),
    });
  });

  it('gives way to the reason of an abort', () => {
    const reason = new Error('the notice came');
    const signal = AbortSignal.abort(reason);
    expect(translateAwsError(vendorError({ status: 500 }), { ...call, signal })).toBe(reason);
  });

  it('leaves a fault of the program as it is', () => {
    const bug = new TypeError('undefined is not a function');
    expect(translateAwsError(bug, call)).toBe(bug);
    expect(translateAwsError('thrown text', call)).toBe('thrown text');
  });
});
