import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  NoSuchResourceException,
  ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAccount } from '../../../lib/aws/account.ts';

describe('the account', () => {
  let sts: AwsClientStub<STSClient>;
  let quotas: AwsClientStub<ServiceQuotasClient>;
  const account = openAccount({ region: 'eu-west-1' });

  beforeEach(() => {
    sts = mockClient(STSClient);
    quotas = mockClient(ServiceQuotasClient);
  });
  afterEach(() => {
    sts.restore();
    quotas.restore();
  });

  it('says who we are', async () => {
    sts.on(GetCallerIdentityCommand).resolves({ Account: '1', Arn: 'arn:aws:iam::1:user/x', UserId: 'X' });
    expect(await account.identity()).toEqual({ account: '1', arn: 'arn:aws:iam::1:user/x' });
  });

  it.each([
    ['CredentialsProviderError', 'Could not load credentials from any providers', /aws configure/],
    ['CredentialsProviderError', 'The SSO session has expired', /aws sso login/],
    ['ExpiredToken', 'The security token included in the request is expired', /aws sso login/],
    ['InvalidClientTokenId', 'The security token included in the request is invalid', /AWS_PROFILE/],
  ])('tells what to type after %s (%s)', async (name, message, hint) => {
    sts.on(GetCallerIdentityCommand).rejects(Object.assign(new Error(message), { name }));
    await expect(account.identity()).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
      hint: expect.stringMatching(hint),
    });
  });

  it('has quotas of its own, else those of AWS', async () => {
    quotas.on(GetServiceQuotaCommand, { QuotaCode: 'L-1' }).resolves({ Quota: { Value: 64 } });
    quotas
      .on(GetServiceQuotaCommand, { QuotaCode: 'L-2' })
      .rejects(new NoSuchResourceException({ message: 'none', $metadata: {} }));
    quotas.on(GetAWSDefaultServiceQuotaCommand).resolves({ Quota: { Value: 0 } });
    expect(await account.ec2Quota('L-1')).toBe(64);
    expect(await account.ec2Quota('L-2')).toBe(0);
    expect(quotas.commandCalls(GetServiceQuotaCommand)[0]?.args[0].input.ServiceCode).toBe('ec2');
  });
});
