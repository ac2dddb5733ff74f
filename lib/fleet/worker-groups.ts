/**
 * The groups of machines of a deployment (EC2 Auto Scaling), seen from outside: by people and by whoever submits.
 *
 * Errors of all methods: `TransientError`, `AccessDeniedError`, `UnfitError`.
 */
export interface WorkerGroups {
  /** In the order of the names; a group that does not exist is left out. */
  read(names: readonly string[], signal?: AbortSignal): Promise<readonly WorkerGroup[]>;
  /** What the group tried lately, the newest first: launches and terminations, with the reason when one failed. */
  recentActivities(name: string, signal?: AbortSignal): Promise<readonly GroupActivity[]>;
  /** Asks for so many machines. The group's own limits hold. */
  setDesired(name: string, capacity: number, signal?: AbortSignal): Promise<void>;
  /** Lets scale-in take these machines, whatever they work on. All of them are in service. */
  unprotect(name: string, machines: readonly string[], signal?: AbortSignal): Promise<void>;
  close(): void;
}

export interface WorkerGroup {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly desired: number;
  /** Version of the launch template that new machines get; undefined where the group names none by number. */
  readonly templateVersion: string | undefined;
  readonly machines: readonly GroupMachine[];
}

export interface GroupMachine {
  readonly id: string;
  readonly type: string;
  readonly zone: string;
  /** As Auto Scaling calls it: `Pending`, `InService`, `Terminating:Wait`, … */
  readonly lifecycle: string;
  readonly isHealthy: boolean;
  /** Scale-in passes it over: it works. */
  readonly isProtected: boolean;
  readonly templateVersion: string | undefined;
}

export interface GroupActivity {
  readonly at: Date;
  readonly hasFailed: boolean;
  /** What was tried, as `Launching a new EC2 instance`. */
  readonly description: string;
  /** Why it failed, in AWS's words. */
  readonly reason: string;
}
