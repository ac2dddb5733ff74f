import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../lib/base/clock.ts';
import { type Deadline, deadlineIn } from '../lib/base/deadline.ts';
import { deferred } from '../lib/base/deferred.ts';
import type { Random } from '../lib/base/random.ts';
import type { Instance } from '../lib/contract/journal-entry.ts';
import type { ImdsFact } from './imds-facts.ts';
import { type ImdsFault, ImdsServer } from './imds-server.ts';
import { Machine } from './machine.ts';
import { freezeInstance, thawInstance } from './process-tree.ts';

export interface SpotInstanceOptions {
  readonly instance: Instance;
  /** Folder of all instances of the region. */
  readonly dir: string;
  readonly command: readonly string[];
  /** Added to this process's own environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly random: Random;
}

/** One fake instance: a machine, its metadata service and its disk, which is lost with it. The log outlives it. */
export class SpotInstance {
  readonly instance: Instance;
  readonly logFile: string;
  readonly pid: number;
  readonly startedAt: Date;
  readonly startedAtMonotonicMs: number;
  /** How the worker ended: see `Machine.exited`. */
  readonly exited: Promise<number | undefined>;
  readonly #machine: Machine;
  readonly #imds: ImdsServer;
  readonly #clock: Clock;
  readonly #workDir: string;
  readonly #gone = deferred();
  #deadline: Deadline | undefined;
  #wasNoticed = false;
  #taking: Promise<void> | undefined;

  private constructor(
    options: SpotInstanceOptions,
    parts: { readonly machine: Machine; readonly imds: ImdsServer; readonly folders: Folders },
  ) {
    this.instance = options.instance;
    this.#clock = options.clock;
    this.#machine = parts.machine;
    this.#imds = parts.imds;
    this.#workDir = parts.folders.workDir;
    this.logFile = parts.folders.logFile;
    this.pid = parts.machine.pid;
    this.exited = parts.machine.exited;
    this.startedAt = options.clock.now();
    this.startedAtMonotonicMs = options.clock.monotonicMs();
  }

  static async start(options: SpotInstanceOptions): Promise<SpotInstance> {
    const { instance, clock, random, command } = options;
    const folders = foldersOf(options.dir, instance.id);
    await mkdir(folders.workDir, { recursive: true });
    const imds = await ImdsServer.start({ instance, clock, random });
    try {
      const env = {
        ...process.env,
        ...options.environment,
        AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.endpoint,
        HOLDFAST_WORK_DIR: folders.workDir,
      };
      const { workDir, logFile } = folders;
      const machine = await Machine.start({
        instanceId: instance.id,
        command,
        env,
        cwd: workDir,
        logFile,
        clock,
      });
      return new SpotInstance(options, { machine, imds, folders });
    } catch (error) {
      await imds[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** When it will be taken away, if that has been announced. */
  get deadline(): Deadline | undefined {
    return this.#deadline;
  }

  /** An end was announced once, whether or not it was taken back. */
  get wasNoticed(): boolean {
    return this.#wasNoticed;
  }

  /** The plug has been pulled, or is just being pulled. */
  get isTaken(): boolean {
    return this.#taking !== undefined;
  }

  /** Resolves when nothing of it runs any more. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Lets the instance know something that is not its end. */
  announce(fact: Exclude<ImdsFact, { kind: 'spot-interruption' }>): void {
    this.#imds.announce(fact);
  }

  /** Announces the end of the instance. The first announcement stands. */
  announceInterruption(end: Omit<Extract<ImdsFact, { kind: 'spot-interruption' }>, 'kind'>): Deadline {
    if (this.#deadline === undefined) {
      this.#deadline = deadlineIn(this.#clock, end.inMs);
      this.#wasNoticed = true;
      this.#imds.announce({ kind: 'spot-interruption', ...end });
    }
    return this.#deadline;
  }

  /** Takes the announcement back: nothing of it is to be read any more, and the instance stays. */
  withdrawInterruption(): void {
    this.#deadline = undefined;
    this.#imds.withdraw('spot-interruption');
  }

  /** Disturbs every request to its metadata service from now on. Undefined ends it. */
  disturbImds(fault: ImdsFault | undefined): void {
    this.#imds.disturb(fault);
  }

  /** Stops everything that runs on it, as a machine that is moved to another host; it can be killed all the same. Linux. */
  freeze(): void {
    freezeInstance(this.instance.id);
  }

  /** Lets a frozen instance go on as if nothing had been. */
  thaw(): void {
    thawInstance(this.instance.id);
  }

  /** Takes the machine away with all that runs on it, then its metadata service and its disk. The second call waits for the first. */
  kill(): Promise<void> {
    this.#taking ??= this.#takeAway();
    return this.#taking;
  }

  async #takeAway(): Promise<void> {
    await this.#machine.kill();
    this.#gone.resolve();
    await this.#imds[Symbol.asyncDispose]();
    await rm(this.#workDir, { recursive: true, force: true, maxRetries: 3 });
  }
}

interface Folders {
  readonly workDir: string;
  readonly logFile: string;
}

function foldersOf(dir: string, instanceId: string): Folders {
  const home = join(dir, instanceId);
  return { workDir: join(home, 'work'), logFile: join(home, 'worker.log') };
}
