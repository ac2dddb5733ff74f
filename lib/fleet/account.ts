/**
 * The AWS account behind the credentials at hand, for checks by people.
 *
 * Errors of all methods: `TransientError`, `AccessDeniedError`, `UnfitError`.
 */
export interface Account {
  /** Whose credentials these are. */
  identity(signal?: AbortSignal): Promise<{ readonly account: string; readonly arn: string }>;
  /** The value of a quota of EC2 by its code, as vCPUs of running Spot instances; undefined where EC2 has no such quota here. */
  ec2Quota(code: string, signal?: AbortSignal): Promise<number | undefined>;
  /** The region that the environment or the profile says. */
  region(): Promise<string>;
  close(): void;
}
