/** Instances that a terminate hook holds back: moto has no such wait, so that the proxy keeps it. */
export class LifecycleHooks {
  readonly #waiting = new Map<string, (() => void) | undefined>();
  readonly #completed: string[] = [];

  /** Instances whose wait ended by CompleteLifecycleAction, in order. */
  get completed(): readonly string[] {
    return this.#completed;
  }

  /** The instance is in `Terminating:Wait` from now on; `onCompleted` runs once its worker says that it is done. */
  hold(instanceId: string, onCompleted?: () => void): void {
    this.#waiting.set(instanceId, onCompleted);
  }

  isWaiting(instanceId: string): boolean {
    return this.#waiting.has(instanceId);
  }

  /** Ends the wait; false where none is. */
  complete(instanceId: string): boolean {
    if (!this.#waiting.has(instanceId)) return false;
    const onCompleted = this.#waiting.get(instanceId);
    this.#waiting.delete(instanceId);
    this.#completed.push(instanceId);
    onCompleted?.();
    return true;
  }
}
