import { defined } from '../lib/base/assert.ts';
import { pause } from '../lib/base/clock.ts';
import type { Deadline } from '../lib/base/deadline.ts';
import { deferred } from '../lib/base/deferred.ts';
import { messageOf, NotFoundError, remedyOf } from '../lib/base/errors.ts';
import type { Instance } from '../lib/contract/journal-entry.ts';
import { afterExit, defaultFailureLimits, replacementDelayMs } from './after-exit.ts';
import type { KillReason, MarketEnd, MarketEvent, MarketFact } from './market-event.ts';
import type { InterruptOptions, Interruption, MarketInstance, SpotMarketOptions } from './market-options.ts';
import { SpotInstance } from './spot-instance.ts';

const instanceType = 'local.cpu';
const zones = ['local-1a', 'local-1b', 'local-1c'] as const;

/**
 * A Spot market on one machine. Keeps a number of instances alive, each a process group with a metadata service of its own;
 * announces interruptions and pulls the plug at the deadline, or without a word. Leaves no process behind: instances die with
 * this process, however it ends.
 */
export class SpotMarket implements AsyncDisposable {
  readonly #options: SpotMarketOptions;
  readonly #instances = new Map<string, SpotInstance>();
  readonly #stopping = new AbortController();
  readonly #ended = deferred<MarketEnd>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #launches = new Set<Promise<void>>();
  /** Whose workers have left for a notice: they stay until its deadline. */
  readonly #deserted = new Set<SpotInstance>();
  #shutDown: Promise<void> | undefined;
  /** Launches under way, boot time included. */
  #launching = 0;
  /** Places left empty by workers that drained. */
  #idlePlaces = 0;
  #launched = 0;
  #failuresInRow = 0;

  constructor(options: SpotMarketOptions) {
    this.#options = options;
  }

  /** Resolves when the market starts no more instances, with the reason; by then all instances are gone. */
  get ended(): Promise<MarketEnd> {
    return this.#ended.promise;
  }

  /** Launches the first instances and keeps their number from then on. */
  start(): void {
    this.#fill(0);
    this.#track(this.#scale());
  }

  /** All instances with a running process group, oldest first. */
  get instances(): readonly MarketInstance[] {
    return [...this.#instances.values()]
      .filter((spot) => !spot.isTaken)
      .map(({ instance, pid, logFile, startedAt, deadline }) => ({
        instance,
        pid,
        logFile,
        startedAt,
        deadline,
      }));
  }

  /**
   * Announces a Spot interruption to one instance, launches its replacement at once, and pulls the plug at the deadline, even
   * if the worker has ended by then. A second call for the same instance changes nothing.
   * @throws NotFoundError when there is no such instance
   */
  interrupt(instanceId: string, options: InterruptOptions = {}): Interruption {
    const spot = this.find(instanceId);
    const { noticeMs = this.#options.noticeMs, action = 'terminate' } = options;
    const isFirst = spot.deadline === undefined;
    const { isMoving = false, isCarriedOut = true } = options;
    const deadline = spot.announceInterruption({ action, inMs: noticeMs, moving: isMoving });
    if (isFirst) {
      this.#tell({ kind: 'notice', instanceId, action, noticeMs });
      if (isCarriedOut) this.#track(this.#killAtDeadline(spot, deadline));
      this.#fill(this.#options.bootMs);
    }
    return { deadline, gone: spot.gone };
  }

  /**
   * Takes a notice back: nobody pulls the plug any more. An instance whose worker has left for it is of no use to anybody: it
   * is given back, and its place is filled.
   * @throws NotFoundError when there is no such instance
   */
  withdraw(instanceId: string): void {
    const spot = this.find(instanceId);
    spot.withdrawInterruption();
    if (this.#deserted.has(spot)) this.#track(this.#giveBack(spot));
  }

  /** @throws NotFoundError when there is no such instance */
  recommendRebalance(instanceId: string): void {
    this.find(instanceId).announce({ kind: 'rebalance-recommendation' });
    this.#tell({ kind: 'rebalance-recommended', instanceId });
  }

  /**
   * Pulls the plug of one instance without notice; resolves when nothing of it runs any more.
   * @throws NotFoundError when there is no such instance
   */
  async kill(instanceId: string): Promise<void> {
    const gone = this.#takeAway(this.find(instanceId), 'no-notice');
    this.#fill(this.#options.bootMs);
    await gone;
  }

  /** Takes every instance away and starts no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop({ reason: 'disposed' });
    await Promise.all(this.#tasks);
  }

  /**
   * One instance, for whoever plays with it: takes a notice back, disturbs its metadata service, freezes it.
   * @throws NotFoundError when there is no such instance
   */
  find(instanceId: string): SpotInstance {
    const spot = this.#instances.get(instanceId);
    if (spot !== undefined && !spot.isTaken) return spot;
    throw new NotFoundError('there is no such instance in this region.', { facts: { instanceId } });
  }

  /** Launches what is missing. Instances whose end is announced do not count: their replacement starts beside them. */
  #fill(delayMs: number): void {
    const serving = [...this.#instances.values()].filter(
      (spot) => !spot.isTaken && spot.deadline === undefined,
    ).length;
    let missing = this.#options.workers - serving - this.#launching - this.#idlePlaces;
    for (; missing > 0 && !this.#stopping.signal.aborted; missing--) {
      const launch = this.#launch(delayMs).finally(() => this.#launches.delete(launch));
      this.#launches.add(launch);
      this.#track(launch);
    }
  }

  async #launch(delayMs: number): Promise<void> {
    const spot = await this.#boot(delayMs);
    if (spot === undefined) return;
    if (this.#stopping.signal.aborted) return this.#takeAway(spot, 'region-stopped');
    const { instance, pid, logFile } = spot;
    this.#tell({ kind: 'instance-started', instance, pid, logFile });
    this.#track(this.#follow(spot));
  }

  /** An instance counts as launching until the very moment at which it counts as there: `#fill` may run at any await. */
  async #boot(delayMs: number): Promise<SpotInstance | undefined> {
    const { clock, random, dir, command, environment } = this.#options;
    this.#launching++;
    try {
      if (!(await pause(clock, delayMs, this.#stopping.signal))) return undefined;
      const zone = defined(zones[this.#launched++ % zones.length], 'there is a zone for every launch');
      const instance: Instance = { id: `i-${random.hex(9).slice(0, 17)}`, type: instanceType, zone };
      const spot = await SpotInstance.start({ instance, dir, command, environment, clock, random });
      this.#instances.set(instance.id, spot);
      return spot;
    } finally {
      this.#launching--;
    }
  }

  /** Waits for the end of an instance's worker and decides what becomes of the instance. */
  async #follow(spot: SpotInstance): Promise<void> {
    const code = await spot.exited;
    const { clock, failureLimits = defaultFailureLimits } = this.#options;
    // However it ended: what served for long is no failure to start, and none before it counts any more.
    if (clock.monotonicMs() - spot.startedAtMonotonicMs >= failureLimits.livedMs) this.#failuresInRow = 0;
    if (spot.isTaken) return;
    this.#tell({ kind: 'exited', instanceId: spot.instance.id, code: code ?? null });
    switch (afterExit(code, spot.wasNoticed)) {
      case 'stays-until-deadline':
        this.#deserted.add(spot);
        if (spot.deadline === undefined) await this.#giveBack(spot);
        return;
      case 'drained':
        this.#idlePlaces++;
        await this.#takeAway(spot, 'worker-ended');
        return;
      case 'configuration':
        await this.#stop({
          reason: 'configuration',
          message: `a worker refuses its configuration; see ${spot.logFile}`,
        });
        return;
      case 'failed':
        await this.#replaceFailed(spot, code);
    }
  }

  async #replaceFailed(spot: SpotInstance, code: number | undefined): Promise<void> {
    const { failureLimits = defaultFailureLimits } = this.#options;
    this.#failuresInRow++;
    const delayMs = replacementDelayMs(this.#failuresInRow, failureLimits);
    if (delayMs === undefined) {
      const message = `${this.#failuresInRow} workers in a row failed, the last with exit code ${code ?? 'unknown'}; see ${spot.logFile}`;
      await this.#stop({ reason: 'workers-keep-failing', message });
      return;
    }
    await this.#giveBack(spot, delayMs);
  }

  /** Its worker has ended, so that it serves nobody. */
  async #giveBack(spot: SpotInstance, delayMs = 0): Promise<void> {
    const gone = this.#takeAway(spot, 'worker-ended');
    this.#fill(this.#options.bootMs + delayMs);
    await gone;
  }

  async #killAtDeadline(spot: SpotInstance, deadline: Deadline): Promise<void> {
    const isOver = await pause(this.#options.clock, deadline.remainingMs(), this.#stopping.signal);
    if (isOver && spot.deadline === deadline) await this.#takeAway(spot, 'deadline');
  }

  /** Fills the places of drained workers when jobs wait again. */
  async #scale(): Promise<void> {
    const { clock, scalePollMs = 1_000, bootMs } = this.#options;
    while (await pause(clock, scalePollMs, this.#stopping.signal)) {
      if (this.#idlePlaces === 0 || !(await this.#isNeeded())) continue;
      this.#idlePlaces = 0;
      this.#fill(bootMs);
    }
  }

  async #isNeeded(): Promise<boolean> {
    const { jobsWait = () => Promise.resolve(true), log } = this.#options;
    try {
      return await jobsWait();
    } catch (error) {
      if (remedyOf(error) !== 'retry') throw error;
      // Asked again with the next look; the place stays empty until there is an answer.
      log.warn('market-queue-unreadable', { message: messageOf(error) });
      return false;
    }
  }

  async #takeAway(spot: SpotInstance, why: KillReason): Promise<void> {
    const isFirst = !spot.isTaken;
    await spot.kill();
    if (!isFirst) return;
    this.#instances.delete(spot.instance.id);
    this.#deserted.delete(spot);
    this.#tell({ kind: 'killed', instanceId: spot.instance.id, why });
  }

  #stop(end: MarketEnd): Promise<void> {
    this.#shutDown ??= this.#takeAllAway(end);
    return this.#shutDown;
  }

  async #takeAllAway(end: MarketEnd): Promise<void> {
    this.#stopping.abort();
    const results = await Promise.allSettled([
      ...[...this.#instances.values()].map((spot) => this.#takeAway(spot, 'region-stopped')),
      ...this.#launches,
    ]);
    this.#tell({ kind: 'stopped', end });
    this.#ended.resolve(end);
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** Keeps an eye on work that nobody waits for: a fault in it stops the market, and disposing tells of it. */
  #track(task: Promise<void>): void {
    const tracked = task
      .catch((error: unknown) => {
        this.#stop({ reason: 'fault', message: messageOf(error), error }).catch(() => undefined);
      })
      .finally(() => this.#tasks.delete(tracked));
    this.#tasks.add(tracked);
  }

  #tell(fact: MarketFact): void {
    const event: MarketEvent = { at: this.#options.clock.now(), ...fact };
    this.#options.log.info(`market-${fact.kind}`, { ...fact });
    this.#options.onEvent?.(event);
  }
}
