import { defined } from '../../lib/base/assert.ts';
import type { Clock } from '../../lib/base/clock.ts';
import { deferred, type Deferred } from '../../lib/base/deferred.ts';
import type { SaveCosts } from '../../lib/checkpoint/adaptive-interval.ts';
import type { SavePolicy } from '../../lib/checkpoint/policy.ts';
import type { SaveReason } from '../../lib/contract/manifest.ts';
import type { TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import { compatibilityOf, type SavableRun, takeSnapshot } from '../../lib/training/snapshot.ts';
import type { Slot, Slots } from './slots.ts';
import { stageSnapshot } from './stage-snapshot.ts';

export interface CheckpointRequest {
  readonly id: string;
  readonly reason: SaveReason;
  /** Take no step after it. */
  readonly halt: boolean;
  /** Why it is due, in words. */
  readonly why?: string;
}

/** The supervisor needs a slot no more. */
export interface Release {
  readonly slot: number;
  readonly committed: boolean;
  /** From `staging` to the journal, where it was committed. */
  readonly flushMs?: number | undefined;
}

export interface HostCheckpointsOptions {
  readonly slots: Slots;
  readonly send: (message: TrainerMessage) => void;
  readonly shouldSave: SavePolicy;
  readonly clock: Clock;
  /** Training stands still until the supervisor does something. */
  readonly onWaiting: () => void;
}

/** A snapshot that `unchanged` may point to once it is staged. `changes` tells which state it holds. */
interface Known {
  readonly id: string;
  readonly changes: number;
  /** Undefined for the state that this process began from. */
  readonly slot?: Slot;
  isStaged: boolean;
}

/** Whose turn it is. Only at a boundary is a snapshot taken: a step or an evaluation may have changed state for a while. */
type Turn = 'boundary' | 'step' | 'evaluation';

/**
 * Decides when snapshots are taken, and answers the supervisor's requests. A snapshot is held by reference and written
 * while training goes on; one is written at a time.
 */
export class HostCheckpoints {
  readonly #options: HostCheckpointsOptions;
  #run: SavableRun | undefined;
  #turn: Turn = 'boundary';
  #requests: readonly CheckpointRequest[] = [];
  #known: readonly Known[] = [];
  #writing: Known | undefined;
  /** The supervisor gave up the snapshot that is being written. */
  #isGivenUp = false;
  #snapshots = 0;
  #lastSave = { step: 0, atMs: 0 };
  #costs: SaveCosts | undefined;
  #isHalted = false;
  #isStopped = false;
  #event: Deferred<void> = deferred();
  #evaluation = new AbortController();

  constructor(options: HostCheckpointsOptions) {
    this.#options = options;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** The state that this process begins from counts as saved: a restored checkpoint, or step 0. */
  begin(as: 'restored' | 'fresh'): void {
    this.#known = [{ id: as, changes: 0, isStaged: true }];
  }

  /** Training starts: from now on there is something to save. */
  attach(run: SavableRun): void {
    this.#run = run;
    this.#noteSave(run);
  }

  /** Answered at once when nothing has changed, else at the next boundary. */
  request(request: CheckpointRequest): void {
    this.#requests = [...this.#requests, request];
    if (request.halt) {
      this.#isHalted = true;
      this.#evaluation.abort(new Error('training is halted'));
    }
    if (this.#turn !== 'step') this.#answerUnchanged();
    this.#wake();
  }

  /** The supervisor needs the slot no more. */
  released({ slot: slotNumber, committed: isCommitted, flushMs }: Release): void {
    if (flushMs !== undefined && this.#costs !== undefined)
      this.#costs = { ...this.#costs, flushSeconds: flushMs / 1_000 };
    const slot = this.#options.slots.get(slotNumber);
    if (slot === undefined || slot.state === 'free') return;
    if (!isCommitted) this.#known = this.#known.filter((known) => known.slot !== slot);
    // What is being written is written to its end, since writes are under way.
    if (slot.state === 'writing') this.#isGivenUp = true;
    else slot.state = 'free';
    this.#wake();
  }

  /** No step is taken any more; waits and evaluations end. */
  stop(): void {
    this.#isStopped = true;
    this.#evaluation.abort(new Error('training is stopped'));
    this.#wake();
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    while (this.#writing !== undefined) await this.#nextEvent();
  }

  /** Resolves when `stop` has come. */
  async stopped(): Promise<void> {
    while (!this.#isStopped) await this.#nextEvent();
  }

  /** The loop is about to compute. */
  leaveBoundary(turn: 'step' | 'evaluation'): void {
    this.#turn = turn;
  }

  /** For one evaluation; aborted by a halt and by the stop. */
  evaluationSignal(): AbortSignal {
    this.#evaluation = new AbortController();
    if (this.#isHalted || this.#isStopped) this.#evaluation.abort(new Error('training is halted'));
    return this.#evaluation.signal;
  }

  /** Between two steps: begins what was asked for or is due. Halted, it waits for the stop. */
  async boundary(): Promise<'go-on' | 'stop'> {
    this.#turn = 'boundary';
    for (;;) {
      if (this.#isStopped) return 'stop';
      this.#answerUnchanged();
      const [asked] = this.#requests;
      if (asked !== undefined) this.#tryBegin(asked);
      if (!this.#isHalted) break;
      await this.#waitForEvent();
    }
    const why = this.#requests.length === 0 ? this.#whyDue() : undefined;
    if (why !== undefined) this.#tryBegin({ ...this.#own('policy'), why });
    return 'go-on';
  }

  /** Waits until the present state is staged in full. Where that fails for want of room, training goes on all the same. */
  async secure(reason: SaveReason): Promise<'go-on' | 'stop'> {
    this.#turn = 'boundary';
    const { changes } = this.#attached().progress;
    let hasBegun = this.#writing?.changes === changes;
    for (;;) {
      if (this.#isStopped) return 'stop';
      this.#answerUnchanged();
      if (this.#stagedAs(changes) !== undefined) return 'go-on';
      if (hasBegun && this.#writing?.changes !== changes) return 'go-on';
      if (!hasBegun) hasBegun = this.#tryBegin(this.#requests[0] ?? this.#own(reason));
      await this.#waitForEvent();
    }
  }

  /** The last snapshot, staged in full; undefined when it could not be written. */
  async final(): Promise<{ readonly id: string; readonly slot: 0 | 1 } | 'stop' | undefined> {
    this.#turn = 'boundary';
    const last = this.#own('end');
    let hasBegun = false;
    while (!hasBegun || this.#writing !== undefined) {
      if (this.#isStopped) return 'stop';
      if (!hasBegun) hasBegun = this.#tryBegin(last);
      await this.#waitForEvent();
    }
    this.#answerUnchanged();
    const slot = this.#known.find((known) => known.id === last.id)?.slot;
    return slot === undefined ? undefined : { id: last.id, slot: slot.number };
  }

  #own(reason: SaveReason): CheckpointRequest {
    return { id: `t${this.#snapshots + 1}`, reason, halt: false };
  }

  /** Takes the snapshot and begins to write it, unless another is being written or no slot is free. */
  #tryBegin(request: CheckpointRequest): boolean {
    const slot = this.#options.slots.free();
    if (this.#writing !== undefined || slot === undefined) return false;
    const run = this.#attached();
    const startedAtMs = this.#options.clock.monotonicMs();
    const snapshot = takeSnapshot(run);
    this.#costs = {
      flushSeconds: this.#costs?.flushSeconds,
      stolenSeconds: (this.#options.clock.monotonicMs() - startedAtMs) / 1_000,
      bytes: snapshot.files.reduce((sum, file) => sum + file.bytes, 0),
    };
    this.#requests = this.#requests.filter((one) => one !== request);
    this.#snapshots++;
    this.#noteSave(run);
    const { changes } = run.progress;
    const known: Known = { id: request.id, changes, slot, isStaged: false };
    this.#writing = known;
    this.#isGivenUp = false;
    this.#known = [...this.#known.filter((one) => one.changes === changes), known];
    const staging = { slot, snapshot, ...request, compatibility: compatibilityOf(run) };
    void stageSnapshot(staging, this.#options.send).then((isStaged) => this.#written(known, slot, isStaged));
    return true;
  }

  #written(known: Known, slot: Slot, isStaged: boolean): void {
    this.#writing = undefined;
    known.isStaged = isStaged;
    if (!isStaged) this.#known = this.#known.filter((one) => one !== known);
    if (this.#isGivenUp) slot.state = 'free';
    else slot.state = isStaged ? 'staged' : 'abandoned';
    this.#wake();
  }

  #answerUnchanged(): void {
    const as = this.#stagedAs(this.#run?.progress.changes ?? 0);
    if (as === undefined) return;
    for (const { id } of this.#requests) this.#options.send({ kind: 'unchanged', id, as });
    this.#requests = [];
  }

  #stagedAs(changes: number): string | undefined {
    return this.#known.findLast((known) => known.isStaged && known.changes === changes)?.id;
  }

  #whyDue(): string | undefined {
    const { clock, shouldSave } = this.#options;
    const { plan, progress } = this.#attached();
    const { step, epoch, example } = progress.position;
    return shouldSave({
      step,
      epoch,
      epochBoundary: plan.shape !== null && example === 0 && epoch > 0,
      stepsSince: step - this.#lastSave.step,
      secondsSince: (clock.monotonicMs() - this.#lastSave.atMs) / 1_000,
      costs: this.#costs,
    });
  }

  #noteSave(run: SavableRun): void {
    this.#lastSave = { step: run.progress.position.step, atMs: this.#options.clock.monotonicMs() };
  }

  #attached(): SavableRun {
    return defined(this.#run, 'there is a run to save once the loop runs');
  }

  async #waitForEvent(): Promise<void> {
    this.#options.onWaiting();
    await this.#nextEvent();
  }

  #nextEvent(): Promise<void> {
    return this.#event.promise;
  }

  #wake(): void {
    const happened = this.#event;
    this.#event = deferred();
    happened.resolve();
  }
}
