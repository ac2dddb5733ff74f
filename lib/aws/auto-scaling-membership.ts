import {
  AutoScalingClient,
  type AutoScalingClientConfig,
  type AutoScalingGroup,
  type AutoScalingInstanceDetails,
  CompleteLifecycleActionCommand,
  DescribeAutoScalingGroupsCommand,
  DescribeAutoScalingInstancesCommand,
  SetInstanceHealthCommand,
  SetInstanceProtectionCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { TransientError, UnfitError, UsageError } from '../base/errors.ts';
import { terminateHookName } from '../contract/worker-environment.ts';
import type { FleetMembership, Work } from '../fleet/fleet-membership.ts';
import { awsClientSettings, callAws, sendOptions } from './aws-client.ts';
import { awsErrorFacts } from './aws-errors.ts';
import type { AwsTimeouts } from './aws-timeouts.ts';
import type { InstanceTags } from './instance-tags.ts';
import { numbered, templateOf } from './template-version.ts';

export interface AutoScalingMembershipOptions {
  /** Name of the Auto Scaling group. */
  readonly group: string;
  readonly instanceId: string;
  /** @default what the environment or the profile says */
  readonly region?: string;
  readonly timeouts?: AwsTimeouts;
  /** Instead of the SDK's own chain: environment, profile, instance role. */
  readonly credentials?: NonNullable<AutoScalingClientConfig['credentials']>;
}

/**
 * Membership of this instance in an EC2 Auto Scaling group. Opens no connection yet, and loads the EC2 client only at the
 * first label.
 *
 * The terminate hook is never asked for more time (RecordLifecycleActionHeartbeat): a worker has handed over two minutes
 * after it saw its end (`defaultStopGrace`), and the hook of the stack holds longer.
 * @throws UsageError when no region is known
 */
export async function openAutoScalingMembership(
  options: AutoScalingMembershipOptions,
): Promise<FleetMembership> {
  const { group, region, timeouts, credentials } = options;
  const client = new AutoScalingClient({
    ...awsClientSettings({ region, ...(timeouts === undefined ? {} : { timeouts }) }),
    // Patience is with the caller. And a second try after a lost answer would take another instance off the capacity.
    maxAttempts: 1,
    ...(credentials === undefined ? {} : { credentials }),
  });
  try {
    await client.config.region();
  } catch (cause) {
    client.destroy();
    throw new UsageError('the region of the Auto Scaling group is not known:', {
      facts: { group },
      hint: 'set AWS_REGION',
      cause,
    });
  }
  return new AutoScalingMembership(client, options);
}

class AutoScalingMembership implements FleetMembership {
  readonly #client: AutoScalingClient;
  readonly #options: AutoScalingMembershipOptions;
  #tags: Promise<InstanceTags> | undefined;

  constructor(client: AutoScalingClient, options: AutoScalingMembershipOptions) {
    this.#client = client;
    this.#options = options;
  }

  protect(signal?: AbortSignal): Promise<void> {
    return this.#setProtection(true, signal);
  }

  unprotect(signal?: AbortSignal): Promise<void> {
    return this.#setProtection(false, signal);
  }

  /** With capacity rebalancing the group has started a replacement by then, and ends only what is not protected. */
  async yieldToReplacement(signal?: AbortSignal): Promise<'yielded' | 'kept'> {
    const { CapacityRebalance } = await this.#describeGroup(signal);
    if (CapacityRebalance !== true) return 'kept';
    await this.#setProtection(false, signal);
    return 'yielded';
  }

  async completeTermination(signal?: AbortSignal): Promise<'completed' | 'not-yet'> {
    const { group, instanceId } = this.#options;
    const command = new CompleteLifecycleActionCommand({
      AutoScalingGroupName: group,
      LifecycleHookName: terminateHookName,
      InstanceId: instanceId,
      LifecycleActionResult: 'CONTINUE',
    });
    return this.#make('CompleteLifecycleAction', signal, async () => {
      try {
        await this.#client.send(command, sendOptions(signal));
        return 'completed';
      } catch (error) {
        // "No active Lifecycle Action found with instance ID …"
        if (isValidationError(error, /no active lifecycle action/i)) return 'not-yet';
        throw error;
      }
    });
  }

  async retire(
    { replaced }: { readonly replaced: boolean },
    signal?: AbortSignal,
  ): Promise<'retiring' | 'needed' | 'alone'> {
    const instance = await this.#describeInstance(signal);
    if (instance === undefined) return 'alone';
    // Told to go already, perhaps by the lost answer of an earlier call: once more would take another one off the capacity.
    if (isGoing(instance)) return 'retiring';
    if (!replaced && (await this.#isAtMinimum(signal))) return 'needed';
    return this.#terminate({ replaced }, signal);
  }

  async reportUnhealthy(signal?: AbortSignal): Promise<void> {
    const command = new SetInstanceHealthCommand({
      InstanceId: this.#options.instanceId,
      HealthStatus: 'Unhealthy',
      // Within the grace period of a young instance the group would not listen, and a GPU is broken from the start.
      ShouldRespectGracePeriod: false,
    });
    await this.#make('SetInstanceHealth', signal, () => this.#client.send(command, sendOptions(signal)));
  }

  async isOutdated(signal?: AbortSignal): Promise<boolean> {
    const [instance, group] = await Promise.all([
      this.#describeInstance(signal),
      this.#describeGroup(signal),
    ]);
    return instance !== undefined && isOfAnotherVersion(instance, group);
  }

  async label(work: Work | undefined, signal?: AbortSignal): Promise<void> {
    this.#tags ??= import('./instance-tags.ts').then(({ openInstanceTags }) =>
      openInstanceTags(this.#options),
    );
    const tags = await this.#tags;
    await tags.write(work, signal);
  }

  close(): void {
    this.#client.destroy();
    // Tags that could not be opened were an error of the label that asked for them, and need not be closed.
    this.#tags?.then(
      (tags) => tags.close(),
      () => undefined,
    );
  }

  async #setProtection(isProtected: boolean, signal: AbortSignal | undefined): Promise<void> {
    const { group, instanceId } = this.#options;
    const command = new SetInstanceProtectionCommand({
      AutoScalingGroupName: group,
      InstanceIds: [instanceId],
      ProtectedFromScaleIn: isProtected,
    });
    await this.#make('SetInstanceProtection', signal, async () => {
      try {
        await this.#client.send(command, sendOptions(signal));
      } catch (error) {
        // "The instance … is not in InService or EnteringStandby or Standby."
        if (!isValidationError(error, /not in InService/i)) throw error;
        throw new TransientError('the instance is not in service yet, or not any more:', {
          facts: { operation: 'SetInstanceProtection', instance: instanceId, group },
          cause: error,
        });
      }
    });
  }

  async #terminate(
    { replaced }: { readonly replaced: boolean },
    signal: AbortSignal | undefined,
  ): Promise<'retiring' | 'needed'> {
    const command = new TerminateInstanceInAutoScalingGroupCommand({
      InstanceId: this.#options.instanceId,
      ShouldDecrementDesiredCapacity: !replaced,
    });
    return this.#make('TerminateInstanceInAutoScalingGroup', signal, async () => {
      try {
        await this.#client.send(command, sendOptions(signal));
        return 'retiring';
      } catch (error) {
        // "Currently, desiredSize equals minSize (1). Terminating instance without replacement will violate …": another
        // instance retired in the meantime.
        if (isValidationError(error, /min ?size/i)) return 'needed';
        throw error;
      }
    });
  }

  async #isAtMinimum(signal: AbortSignal | undefined): Promise<boolean> {
    const { DesiredCapacity = 0, MinSize = 0 } = await this.#describeGroup(signal);
    return DesiredCapacity <= MinSize;
  }

  async #describeInstance(signal: AbortSignal | undefined): Promise<AutoScalingInstanceDetails | undefined> {
    const command = new DescribeAutoScalingInstancesCommand({ InstanceIds: [this.#options.instanceId] });
    const { AutoScalingInstances = [] } = await this.#make('DescribeAutoScalingInstances', signal, () =>
      this.#client.send(command, sendOptions(signal)),
    );
    return AutoScalingInstances[0];
  }

  async #describeGroup(signal: AbortSignal | undefined): Promise<AutoScalingGroup> {
    const { group } = this.#options;
    const command = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [group] });
    const { AutoScalingGroups = [] } = await this.#make('DescribeAutoScalingGroups', signal, () =>
      this.#client.send(command, sendOptions(signal)),
    );
    const [described] = AutoScalingGroups;
    if (described === undefined)
      throw new UnfitError('there is no such Auto Scaling group:', {
        facts: { group },
        hint: 'check HOLDFAST_AUTO_SCALING_GROUP and the region',
      });
    return described;
  }

  #make<Result>(
    operation: string,
    signal: AbortSignal | undefined,
    call: () => Promise<Result>,
  ): Promise<Result> {
    const { group, instanceId } = this.#options;
    return callAws(
      { service: 'EC2 Auto Scaling', operation, target: `${instanceId} of ${group}`, signal },
      call,
    );
  }
}

/** Auto Scaling refuses with one name for everything; only its words tell the refusals apart. */
function isValidationError(error: unknown, words: RegExp): boolean {
  const { name, message } = awsErrorFacts(error);
  return name === 'ValidationError' && words.test(message);
}

/** `Terminating`, `Terminating:Wait`, `Terminating:Proceed`, `Terminating:Retained`, `Terminated`. */
function isGoing({ LifecycleState = '' }: AutoScalingInstanceDetails): boolean {
  return LifecycleState.startsWith('Terminat');
}

/**
 * Compares version numbers of one template. `$Latest` and `$Default` of a group cannot be compared without asking EC2,
 * and an instance from a template of an override has a count of its own: neither is outdated. The stack's groups name a number.
 */
function isOfAnotherVersion(instance: AutoScalingInstanceDetails, group: AutoScalingGroup): boolean {
  const now = templateOf(group);
  const started = instance.LaunchTemplate;
  const [newest, own] = [numbered(now?.Version), numbered(started?.Version)];
  if (newest === undefined || own === undefined) return false;
  return now?.LaunchTemplateId === started?.LaunchTemplateId && newest !== own;
}
