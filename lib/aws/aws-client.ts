import { AccessDeniedError, HoldfastError } from '../base/errors.ts';
import { type AwsCall, translateAwsError } from './aws-errors.ts';
import { awsTimeouts, type AwsTimeouts } from './aws-timeouts.ts';

export interface AwsClientOptions {
  /** @default what the environment or the profile says */
  readonly region?: string | undefined;
  /** @default `AWS_PROFILE`, or the default profile */
  readonly profile?: string | undefined;
  readonly timeouts?: AwsTimeouts;
}

interface ClientSettings {
  readonly maxAttempts: number;
  readonly region?: string;
  readonly profile?: string;
  readonly requestHandler: {
    readonly connectionTimeout: number;
    readonly requestTimeout: number;
    readonly throwOnRequestTimeout: true;
  };
}

/** Three tries: every call that goes through these settings may be made twice. */
const attemptsMax = 3;

/** What the clients of the control plane have in common: limits for every call, and no connection that is kept. */
export function awsClientSettings({
  region,
  profile,
  timeouts = awsTimeouts,
}: AwsClientOptions): ClientSettings {
  return {
    maxAttempts: attemptsMax,
    ...(region === undefined ? {} : { region }),
    ...(profile === undefined ? {} : { profile }),
    requestHandler: {
      connectionTimeout: timeouts.connectMs,
      requestTimeout: timeouts.answerMs,
      throwOnRequestTimeout: true,
    },
  };
}

/** Makes one call, and turns what goes wrong into an error of ours. */
export async function callAws<Result>(call: AwsCall, make: () => Promise<Result>): Promise<Result> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    if (isMissingRegion(error)) throw missingRegion(call, error);
    throw translateAwsError(error, call);
  }
}

/** `abortSignal` for a command, where there is a signal. */
export function sendOptions(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}

function isMissingRegion(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Region is missing');
}

/** Of the same kind as missing credentials: the SDK was not told whose AWS, and where, is meant. */
function missingRegion(call: AwsCall, cause: unknown): AccessDeniedError {
  return new AccessDeniedError('no AWS region is set.', {
    facts: { operation: call.operation },
    hint: 'set AWS_REGION, or a region for the profile (`aws configure`)',
    cause,
  });
}
