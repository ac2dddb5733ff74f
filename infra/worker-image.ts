import { aws_ecr_assets as ecrAssets, aws_s3_assets as s3Assets } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { workerBundle } from './bundles.ts';
import type { BootFacts } from './instance/boot-facts.ts';
import { bootScript } from './instance/boot-script.ts';

export interface WorkerImageProps {
  readonly runtime: 'bundle' | 'container';
}

/** What CloudFormation and EC2 accept as user data, before base64. Tokens become longer or shorter than they look here. */
const userDataBytesMax = 16_384;
/** For what tokens grow by: nine of them, each a name or an address of at most a hundred characters. */
const bytesForTokens = 1_024;

/** What an instance runs: the worker bundle, uploaded as an asset, and where asked for the container image beside it. */
export class WorkerImage extends Construct {
  readonly bundle: { readonly bucketName: string; readonly objectKey: string };
  /** The repository of the image, where there is one. */
  readonly repository: ecrAssets.DockerImageAsset['repository'] | undefined;
  readonly #bundleUri: string;
  readonly #bundleSha256: string;
  readonly #imageUri: string | undefined;

  constructor(scope: Construct, id: string, { runtime }: WorkerImageProps) {
    super(scope, id);
    const { archive, folder, sha256 } = workerBundle();
    const asset = new s3Assets.Asset(this, 'Bundle', { path: archive });
    this.bundle = { bucketName: asset.s3BucketName, objectKey: asset.s3ObjectKey };
    this.#bundleUri = asset.s3ObjectUrl;
    this.#bundleSha256 = sha256;
    // Only copied and hashed here; Docker builds it when the stack is deployed.
    const image =
      runtime === 'container'
        ? new ecrAssets.DockerImageAsset(this, 'Container', {
            directory: folder,
            // The instances', whatever the machine is that deploys.
            platform: ecrAssets.Platform.LINUX_AMD64,
          })
        : undefined;
    this.repository = image?.repository;
    this.#imageUri = image?.imageUri;
  }

  /** @throws Error when the script does not fit into user data */
  bootScript(facts: Omit<BootFacts, 'bundle' | 'bundleSha256'>): string {
    const script = bootScript({
      ...facts,
      bundle: this.#bundleUri,
      bundleSha256: this.#bundleSha256,
      ...(this.#imageUri === undefined ? {} : { image: this.#imageUri }),
    });
    const bytes = Buffer.byteLength(script) + bytesForTokens;
    if (bytes > userDataBytesMax)
      throw new Error(`The boot script has ${bytes} bytes; user data holds ${userDataBytesMax} at most.`);
    return script;
  }
}
