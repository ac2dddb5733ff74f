import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  NoSuchResourceException,
  ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { Account } from '../fleet/account.ts';
import { type AwsClientOptions, awsClientSettings, callAws, sendOptions } from './aws-client.ts';

/** Who the SDK's credentials belong to, and what the account may have. */
export function openAccount(options: AwsClientOptions): Account {
  const sts = new STSClient(awsClientSettings(options));
  const quotas = new ServiceQuotasClient(awsClientSettings(options));
  return {
    async identity(signal) {
      const { Account: account = '', Arn: arn = '' } = await callAws(
        { service: 'STS', operation: 'GetCallerIdentity', target: 'these credentials', signal },
        () => sts.send(new GetCallerIdentityCommand({}), sendOptions(signal)),
      );
      return { account, arn };
    },
    async ec2Quota(code, signal) {
      const asked = { ServiceCode: 'ec2', QuotaCode: code };
      const call = { service: 'Service Quotas', operation: 'GetServiceQuota', target: code, signal } as const;
      const quota = await callAws(call, async () => {
        try {
          return (await quotas.send(new GetServiceQuotaCommand(asked), sendOptions(signal))).Quota;
        } catch (error) {
          // An account that never asked for another value has none of its own.
          if (!(error instanceof NoSuchResourceException)) throw error;
          return (await quotas.send(new GetAWSDefaultServiceQuotaCommand(asked), sendOptions(signal))).Quota;
        }
      });
      return quota?.Value;
    },
    async region() {
      return callAws({ service: 'STS', operation: 'region', target: 'this profile' }, () =>
        sts.config.region(),
      );
    },
    close() {
      sts.destroy();
      quotas.destroy();
    },
  };
}
