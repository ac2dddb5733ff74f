import { TransientError } from '../../lib/base/errors.ts';
import type { FleetMembership, Work } from '../../lib/fleet/fleet-membership.ts';

/** A place in a fleet that a test arranges, and that remembers what was asked of it, in order. */
export class FakeMembership implements FleetMembership {
  /** `protect`, `retire (replaced)`, … */
  readonly asked: string[] = [];
  readonly labels: (Work | undefined)[] = [];
  outdated = false;
  /** The group is at its minimum. */
  atMinimum = false;
  startsReplacements = false;
  /** How often a hook is not waiting yet when it is asked for. */
  hookWaitsAfter = 0;
  /** Calls of these names fail with this, until the test takes it back. */
  failing: { readonly names: RegExp; readonly error: Error } | undefined;
  isProtected = false;
  isClosed = false;

  /** Failing calls of these names, as a service that is away. */
  fail(
    names: RegExp,
    error: Error = new TransientError('EC2 Auto Scaling did not answer this call properly:'),
  ): void {
    this.failing = { names, error };
  }

  count(name: string): number {
    return this.asked.filter((asked) => asked === name).length;
  }

  async protect(): Promise<void> {
    await this.#ask('protect');
    this.isProtected = true;
  }

  async unprotect(): Promise<void> {
    await this.#ask('unprotect');
    this.isProtected = false;
  }

  async yieldToReplacement(): Promise<'yielded' | 'kept'> {
    await this.#ask('yield');
    if (!this.startsReplacements) return 'kept';
    this.isProtected = false;
    return 'yielded';
  }

  async completeTermination(): Promise<'completed' | 'not-yet'> {
    await this.#ask('complete');
    return this.hookWaitsAfter-- > 0 ? 'not-yet' : 'completed';
  }

  async retire({ replaced }: { readonly replaced: boolean }): Promise<'retiring' | 'needed' | 'alone'> {
    await this.#ask(replaced ? 'retire (replaced)' : 'retire');
    return this.atMinimum && !replaced ? 'needed' : 'retiring';
  }

  async reportUnhealthy(): Promise<void> {
    await this.#ask('report');
  }

  async isOutdated(): Promise<boolean> {
    await this.#ask('outdated?');
    return this.outdated;
  }

  async label(work: Work | undefined): Promise<void> {
    await this.#ask('label');
    this.labels.push(work);
  }

  close(): void {
    this.isClosed = true;
  }

  #ask(name: string): Promise<void> {
    this.asked.push(name);
    const { failing } = this;
    return failing?.names.test(name) === true ? Promise.reject(failing.error) : Promise.resolve();
  }
}
