import { CreateTagsCommand, DeleteTagsCommand, EC2Client, type EC2ClientConfig } from '@aws-sdk/client-ec2';
import { instanceTags } from '../contract/worker-environment.ts';
import type { Work } from '../fleet/fleet-membership.ts';
import { awsClientSettings, callAws, sendOptions } from './aws-client.ts';
import type { AwsTimeouts } from './aws-timeouts.ts';

/** The tags that a worker keeps on its own instance. */
export interface InstanceTags {
  /** Names job and step, or takes both tags off. */
  write(work: Work | undefined, signal?: AbortSignal): Promise<void>;
  close(): void;
}

export interface InstanceTagsOptions {
  readonly instanceId: string;
  readonly region?: string;
  readonly timeouts?: AwsTimeouts;
  readonly credentials?: NonNullable<EC2ClientConfig['credentials']>;
}

/** Loading this file loads the EC2 client, which is large: a worker does so only once it trains. */
export function openInstanceTags(options: InstanceTagsOptions): InstanceTags {
  const { instanceId, region, timeouts, credentials } = options;
  const client = new EC2Client({
    ...awsClientSettings({ region, ...(timeouts === undefined ? {} : { timeouts }) }),
    // Whoever writes tags tries again by itself, with newer ones.
    maxAttempts: 1,
    ...(credentials === undefined ? {} : { credentials }),
  });
  const call = { service: 'EC2', target: instanceId } as const;
  return {
    async write(work, signal) {
      const Resources = [instanceId];
      if (work === undefined) {
        const Tags = [{ Key: instanceTags.job }, { Key: instanceTags.step }];
        await callAws({ ...call, operation: 'DeleteTags', signal }, () =>
          client.send(new DeleteTagsCommand({ Resources, Tags }), sendOptions(signal)),
        );
        return;
      }
      const Tags = [
        { Key: instanceTags.job, Value: work.jobId },
        { Key: instanceTags.step, Value: String(work.step) },
      ];
      await callAws({ ...call, operation: 'CreateTags', signal }, () =>
        client.send(new CreateTagsCommand({ Resources, Tags }), sendOptions(signal)),
      );
    },
    close() {
      client.destroy();
    },
  };
}
