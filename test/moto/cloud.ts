import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import { EC2Client } from '@aws-sdk/client-ec2';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { FaultProxy } from '../support/fault-proxy/fault-proxy.ts';
import { startMoto } from '../support/moto-server.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

export const cloudRegion = 'us-east-1';
export const cloudAccount = '123456789012';

/** An AWS account of moto's, behind the fault proxy, and a folder for what its users keep on their disks. */
export interface Cloud extends AsyncDisposable {
  /** Moto itself, for a look that meets no fault and is not counted. */
  readonly endpoint: string;
  readonly proxy: FaultProxy;
  readonly dir: string;
  readonly autoScaling: AutoScalingClient;
  readonly ec2: EC2Client;
  readonly s3: S3Client;
  readonly sqs: SQSClient;
  /** Environment of a process that uses this account, by the line that meets the faults of the proxy's plan or the calm one. */
  environment(line: 'stormy' | 'calm'): Record<string, string>;
}

export async function startCloud(): Promise<Cloud> {
  const { dir, remove } = await scratchFolder();
  const moto = await startMoto();
  const proxy = await FaultProxy.start(moto.endpoint);
  const client = { region: cloudRegion, endpoint: moto.endpoint };
  const clients = {
    autoScaling: new AutoScalingClient(client),
    ec2: new EC2Client(client),
    s3: new S3Client({ ...client, forcePathStyle: true }),
    sqs: new SQSClient(client),
  };
  return {
    ...clients,
    endpoint: moto.endpoint,
    proxy,
    dir,
    environment: (line) => ({
      ...inherited(),
      ...accountEnvironment,
      AWS_ENDPOINT_URL: line === 'stormy' ? proxy.endpoint : proxy.calmEndpoint,
    }),
    async [Symbol.asyncDispose]() {
      for (const one of Object.values(clients)) one.destroy();
      await proxy[Symbol.asyncDispose]();
      await moto.stop();
      await remove();
    },
  };
}

/** moto takes any key for the owner of its one account. */
export const accountEnvironment: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: 'moto',
  AWS_SECRET_ACCESS_KEY: 'moto',
  AWS_REGION: cloudRegion,
  AWS_DEFAULT_REGION: cloudRegion,
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  // Checked by tests of their own; the WebAssembly of the check costs ten seconds a time.
  CDK_VALIDATION: 'false',
  CDK_DISABLE_CLI_TELEMETRY: '1',
};

/** This process's environment without what would lead a child to another account, another region of Holdfast, or a terminal. */
function inherited(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    ([name, value]) =>
      value !== undefined && !/^(?:AWS_|HOLDFAST_|CDK_|VITEST|NODE_OPTIONS$|FORCE_COLOR$)/.test(name),
  );
  return { ...(Object.fromEntries(entries) as Record<string, string>), NO_COLOR: '1' };
}
