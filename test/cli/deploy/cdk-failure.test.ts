import { describe, expect, it } from 'vitest';
import { cdkFailure } from '../../../cli/deploy/cdk-failure.ts';

/** As the CDK 2.1148 says it. */
const said: ReadonlyArray<readonly [string, string, RegExp]> = [
  [
    'Unable to resolve AWS account to use. It must be either configured when you define your CDK Stack, or through the environment',
    'ACCESS_DENIED',
    /no usable credentials/,
  ],
  [
    'Need to perform AWS calls for account 123456789012, but no credentials have been configured',
    'ACCESS_DENIED',
    /no usable credentials/,
  ],
  [
    "probe: SSM parameter /cdk-bootstrap/hnb659fds/version not found in aws://123456789012/us-east-1. Has the environment been bootstrapped? Please run 'cdk bootstrap'",
    'UNFIT',
    /not prepared/,
  ],
  [
    'This CDK deployment requires bootstrap stack version ‘30’, but during the confirmation via SSM parameter it was 6',
    'UNFIT',
    /not prepared/,
  ],
  [
    'Lookup role x could not be used to assume it. getaddrinfo ENOTFOUND cloudformation.eu-centrl-1.amazonaws.com',
    'UNFIT',
    /could not be reached/,
  ],
  [
    'npm error npx canceled due to missing packages and no YES option: ["esbuild@0.28.2"]',
    'UNFIT',
    /not installed/,
  ],
  ["Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'aws-cdk-lib'", 'UNFIT', /not installed/],
  ['AccessDenied: User: x is not authorized to perform: sts:AssumeRole', 'ACCESS_DENIED', /may not deploy/],
  ['VpcLimitExceeded: The maximum number of VPCs has been reached.', 'UNFIT', /quota/],
  ['Stack:x is in CREATE_IN_PROGRESS state and can not be updated', 'CONFLICT', /still works/],
  ['x | ROLLBACK_COMPLETE | AWS::CloudFormation::Stack', 'UNFIT', /took back/],
  ['❌  Holdfast: destroy failed DeploymentError: The vpc has dependencies', 'UNFIT', /could not delete all/],
  ['Maximum schema version supported is 43.x.x, but found 55.0.0', 'UNFIT', /older than its library/],
  ["Failed to find and execute 'docker' in PATH", 'UNFIT', /Docker/],
  ['TypeError: x is not a function', 'UNFIT', /could not deploy the stack:/],
];

describe('cdkFailure', () => {
  it.each(said)('reads "%s" as %s', (text, code, message) => {
    const error = cdkFailure('deploy the stack', { code: 1, text });
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.hint).toBeTruthy();
  });
});
