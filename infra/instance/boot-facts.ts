/**
 * What the boot script of an instance is told by the stack. Every string may hold tokens that CloudFormation resolves at
 * deployment: paste it, never cut or compare it.
 */
export interface BootFacts {
  /** Region of the stack, as `eu-west-1`. */
  readonly region: string;
  /** `s3://bucket?region=…`: the object store, as the worker is told it. */
  readonly store: string;
  /** Name of the checkpoint bucket. Runtime archives and caches lie below `runtime/` in it. */
  readonly bucket: string;
  /** URL of the jobs queue. */
  readonly queue: string;
  /** Name of the Auto Scaling group that the instance belongs to. */
  readonly autoScalingGroup: string;
  /** `s3://bucket/key` of the worker bundle, the tar archive of `buildWorkerBundle`: what unpacks to `/opt/holdfast/app/`. */
  readonly bundle: string;
  /** Of that archive, 64 hex digits. The instance runs nothing else. */
  readonly bundleSha256: string;
  /** The log group for boot and worker. */
  readonly logGroup: string;
  /** An instance without a job retires after this long. */
  readonly idleTimeoutMs: number;
}

/**
 * The same for an instance that runs the container of `job/Dockerfile`. The bundle still brings the service unit; what
 * trains comes from the image.
 */
export interface ContainerBootFacts extends BootFacts {
  /** `registry/repository:tag` of the image in ECR. */
  readonly image: string;
}
