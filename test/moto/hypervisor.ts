import {
  DescribeAutoScalingGroupsCommand,
  type Instance as GroupInstance,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { TerminateInstancesCommand } from '@aws-sdk/client-ec2';
import { pause, systemClock } from '../../lib/base/clock.ts';
import { systemRandom } from '../../lib/base/random.ts';
import { SpotInstance } from '../../local/spot-instance.ts';
import type { BootedMachine } from './boot-machine.ts';
import type { Cloud } from './cloud.ts';

export interface HypervisorOptions {
  readonly cloud: Cloud;
  /** Name of the Auto Scaling group whose instances run here. */
  readonly group: string;
  readonly machine: BootedMachine;
  /** Over the environment that the boot script wrote: what a machine without GPU and a test without two minutes need. */
  readonly environment: Readonly<Record<string, string>>;
  /** Holds disk and log of every instance. */
  readonly dir: string;
}

const pollMs = 400;
/** What moto has ended runs on for its hand-over, as a terminate hook lets it, and no longer than this. */
const goneGraceMs = 20_000;

/**
 * The machines behind moto's Auto Scaling group, which knows instances by name alone: for each one a worker process and a
 * metadata service, from its launch to its end. What happens to them here, moto is told as EC2 would tell it.
 */
export class Hypervisor implements AsyncDisposable {
  readonly #options: HypervisorOptions;
  readonly #machines = new Map<string, SpotInstance>();
  /** Exit codes of workers, by instance. */
  readonly #exits = new Map<string, number | undefined>();
  readonly #leaving = new Set<string>();
  readonly #stopping = new AbortController();
  #watch: Promise<void> | undefined;
  #desired: number[] = [];
  #fault: unknown;

  constructor(options: HypervisorOptions) {
    this.#options = options;
  }

  /** Every instance that was ever launched, in order. */
  get launched(): readonly string[] {
    return [...this.#machines.keys()];
  }

  get exits(): ReadonlyMap<string, number | undefined> {
    return this.#exits;
  }

  /** The desired capacity of the group over time, without repeats. */
  get desired(): readonly number[] {
    return this.#desired;
  }

  logFileOf(instanceId: string): string | undefined {
    return this.#machines.get(instanceId)?.logFile;
  }

  /** Boots what the group launches from now on. */
  start(): void {
    this.#watch = this.#follow().catch((error: unknown) => {
      this.#fault = error;
    });
  }

  /** A Spot interruption notice over IMDS; at its deadline the plug is pulled and EC2 has ended the instance. */
  async interrupt(instanceId: string, noticeMs: number): Promise<void> {
    const machine = this.#find(instanceId);
    machine.announceInterruption({ action: 'terminate', inMs: noticeMs });
    await systemClock.sleep(noticeMs, this.#stopping.signal);
    await this.kill(instanceId);
  }

  /** Pulls the plug without a word. The group notices and launches a replacement. */
  async kill(instanceId: string): Promise<void> {
    await this.#find(instanceId).kill();
    await this.#endInEc2(instanceId);
  }

  /** The group ends an instance: its hook holds it until the worker says that it handed over. */
  scaleIn(instanceId: string): void {
    const { cloud } = this.#options;
    cloud.proxy.hooks.hold(instanceId, () => {
      const command = new TerminateInstanceInAutoScalingGroupCommand({
        InstanceId: instanceId,
        ShouldDecrementDesiredCapacity: false,
      });
      cloud.autoScaling.send(command).catch((error: unknown) => {
        this.#fault = error;
      });
    });
    this.#find(instanceId).announce({ kind: 'target-lifecycle-state', state: 'Terminated' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#watch;
    await Promise.all([...this.#machines.values()].map((machine) => machine.kill()));
    if (this.#fault !== undefined)
      throw new Error('the machines were not looked after', { cause: this.#fault });
  }

  #find(instanceId: string): SpotInstance {
    const machine = this.#machines.get(instanceId);
    if (machine === undefined) throw new Error(`no machine runs for ${instanceId}`);
    return machine;
  }

  async #follow(): Promise<void> {
    do {
      const members = await this.#members();
      for (const member of members) {
        const id = member.InstanceId ?? '';
        if (!this.#machines.has(id)) await this.#boot(id, member);
      }
      for (const [id, machine] of this.#machines)
        if (
          !machine.isTaken &&
          !this.#leaving.has(id) &&
          !members.some(({ InstanceId }) => InstanceId === id)
        )
          this.#letGo(id, machine);
    } while (await pause(systemClock, pollMs, this.#stopping.signal));
  }

  async #members(): Promise<readonly GroupInstance[]> {
    const { cloud, group } = this.#options;
    const { AutoScalingGroups = [] } = await cloud.autoScaling.send(
      new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [group] }),
    );
    const [found] = AutoScalingGroups;
    if (found === undefined) throw new Error(`moto has no group ${group}`);
    const desired = found.DesiredCapacity ?? 0;
    if (this.#desired.at(-1) !== desired) this.#desired.push(desired);
    return found.Instances ?? [];
  }

  async #boot(id: string, member: GroupInstance): Promise<void> {
    const { machine, environment, dir } = this.#options;
    const spot = await SpotInstance.start({
      // moto leaves the type of an instance of a mixed group empty.
      instance: {
        id,
        type: member.InstanceType || 'g5.xlarge',
        zone: member.AvailabilityZone ?? 'us-east-1a',
      },
      dir,
      command: machine.command,
      environment: { ...machine.environment, ...environment },
      clock: systemClock,
      random: systemRandom,
    });
    this.#machines.set(id, spot);
    void spot.exited.then((code) => this.#ended(id, code));
  }

  /** A worker that ended by itself: after `drained` the instance has retired, anything else ends it as the group's health check does. */
  async #ended(id: string, code: number | undefined): Promise<void> {
    if (code === undefined || this.#stopping.signal.aborted) return;
    this.#exits.set(id, code);
    const machine = this.#find(id);
    // With an end announced, the deadline or the hook takes it.
    if (code === 0 || code === 75 || machine.deadline !== undefined) return;
    await machine.kill();
    await this.#endInEc2(id);
  }

  #letGo(id: string, machine: SpotInstance): void {
    this.#leaving.add(id);
    const grace = Promise.race([machine.exited, systemClock.sleep(goneGraceMs, this.#stopping.signal)]);
    void grace.catch(() => undefined).then(() => this.#find(id).kill());
  }

  async #endInEc2(instanceId: string): Promise<void> {
    await this.#options.cloud.ec2.send(new TerminateInstancesCommand({ InstanceIds: [instanceId] }));
  }
}
