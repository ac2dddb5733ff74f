import { AccessDeniedError, ConflictError, type HoldfastError, UnfitError } from '../../lib/base/errors.ts';
import type { CdkEnd } from './run-cdk.ts';
import { pinned } from './pinned-versions.ts';

interface Reading {
  readonly says: RegExp;
  readonly error: typeof AccessDeniedError | typeof ConflictError | typeof UnfitError;
  readonly means: string;
  hint(): string;
}

/** The CDK tells what went wrong in words alone. The first that fits is taken; the words themselves have been shown. */
const readings: readonly Reading[] = [
  {
    says: /Maximum schema version supported/i,
    error: UnfitError,
    means: 'the command line of the AWS CDK is older than its library.',
    hint: () => `\`npm i -D ${pinned('aws-cdk')}\``,
  },
  {
    says: /Unable to resolve AWS account|no credentials have been configured|could not load credentials|ExpiredToken|security token included in the request is|InvalidClientTokenId|UnrecognizedClientException|SSO session|CredentialsProviderError|credentials? (?:has|have) expired/i,
    error: AccessDeniedError,
    means: 'the AWS CDK found no usable credentials.',
    hint: () =>
      '`aws sts get-caller-identity` shows who you are; set AWS_PROFILE or --profile, or sign in again (`aws sso login`).',
  },
  {
    says: /getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|connect ECONNREFUSED/,
    error: UnfitError,
    means: 'AWS could not be reached.',
    hint: () => 'Check the network, and how the region is spelled (--region, AWS_REGION).',
  },
  {
    says: /npx canceled due to missing packages|ERR_MODULE_NOT_FOUND|Cannot find (?:module|package) /,
    error: UnfitError,
    means: 'the app needs packages that are not installed.',
    hint: () => 'Type `npm install` in the folder of the app.',
  },
  {
    says: /environment been bootstrapped|Is account \S+ bootstrapped|bootstrap stack version/i,
    error: UnfitError,
    means: 'this account and region are not prepared for the AWS CDK, or by an older one.',
    hint: () => '`npx cdk bootstrap` prepares them; `holdfast up` does so too where nothing was prepared.',
  },
  {
    says: /LimitExceeded|maximum number of \w+ has been reached|quota/i,
    error: UnfitError,
    means: 'a quota of this account is used up.',
    hint: () =>
      'Ask for more under Service Quotas in the AWS console (docs/deploy.md), or remove what is no longer needed.',
  },
  {
    says: /is not authorized to perform|AccessDenied|UnauthorizedOperation|could not be used to assume|cannot be assumed/i,
    error: AccessDeniedError,
    means: 'these credentials may not deploy.',
    hint: () => 'They need sts:AssumeRole on the roles that the bootstrap made, or to be an administrator.',
  },
  {
    says: /_IN_PROGRESS state/,
    error: ConflictError,
    means: 'CloudFormation still works on this stack.',
    hint: () => 'Wait until it has ended, then type the same again.',
  },
  {
    says: /ROLLBACK_COMPLETE|ROLLBACK_FAILED/,
    error: UnfitError,
    means: 'CloudFormation took back what it had begun.',
    hint: () =>
      'The first line with FAILED above says why. A stack that never stood has to be deleted first: `aws cloudformation delete-stack`.',
  },
  {
    says: /DELETE_FAILED|destroy failed/,
    error: UnfitError,
    means: 'CloudFormation could not delete all of it.',
    hint: () => 'The line above says what is in the way. Remove it, then type `holdfast down` again.',
  },
  {
    says: /docker/i,
    error: UnfitError,
    means: 'Docker is needed to build an image of this app, and did not do it.',
    hint: () => 'Start Docker, or deploy without an image.',
  },
];

/** The error for a command of the CDK that failed. `doing` says what it was to do, as `deploy the stack`. */
export function cdkFailure(doing: string, { code, text }: CdkEnd): HoldfastError {
  const facts = { exitCode: code ?? 'signal' };
  const reading = readings.find(({ says }) => says.test(text));
  if (reading === undefined) {
    return new UnfitError(`the AWS CDK could not ${doing}:`, { facts, hint: 'What it said stands above.' });
  }
  return new reading.error(`could not ${doing}: ${reading.means}`, { facts, hint: reading.hint() });
}
