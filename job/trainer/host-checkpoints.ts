import { defined } from '../../lib/base/assert.ts';
import type { Clock } from '../../lib/base/clock.ts';
import { deferred, type Deferred } from '../../lib/base/deferred.ts';
import type { SavePolicy } from '../../lib/checkpoint/policy.ts';
import type { SaveReason } from '../../lib/contract/manifest.ts';
import type { TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import { compatibilityOf, type SavableRun } from '../../lib/training/snapshot.ts';
import { type HeldSnapshot, HeldSnapshots } from './held-snapshots.ts';
import { SaveMeter } from './save-meter.ts';
import type { Release, Slot, Slots } from './slots.ts';
import { type Staged, stageSnapshot } from './stage-snapshot.ts';

export interface CheckpointRequest {
  readonly id: string;
  readonly reason: SaveReason;
  /** Take no step after it. */
  readonly halt: boolean;
  /** Why it is due, in words. */
  readonly why?: string;
}

export interface HostCheckpointsOptions {
  readonly slots: Slots;
  readonly send: (message: TrainerMessage) => void;
  readonly shouldSave: SavePolicy;
  readonly clock: Clock;
  /** Training stands still until the supervisor does something, or until a snapshot is written. */
  readonly onWaiting: () => void;
  /** Takes a line for people. */
  readonly say?: (line: string) => void;
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
  #writing: { readonly known: Known; readonly held: HeldSnapshot } | undefined;
  readonly #held: HeldSnapshots;
  /** The supervisor gave up the snapshot that is being written. */
  #isGivenUp = false;
  #snapshots = 0;
  #lastSave = { step: 0, atMs: 0 };
  #attachedAtMs = 0;
  readonly #meter: SaveMeter;
  #isHalted = false;
  #isStopped = false;
  /** A notice has come: its own saves have the line to themselves. */
  #isLeaving = false;
  #hasToldNoSlot = false;
  #event: Deferred<void> = deferred();
  #evaluation = new AbortController();

  constructor(options: HostCheckpointsOptions) {
    this.#options = options;
    this.#meter = new SaveMeter(options.clock);
    this.#held = new HeldSnapshots(options.say ?? (() => {}));
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
    this.#attachedAtMs = this.#options.clock.monotonicMs();
    this.#noteSave(run);
  }

  /** Answered at once when nothing has changed, else at the next boundary. */
  request(request: CheckpointRequest): void {
    this.#requests = [...this.#requests, request];
    if (request.reason === 'notice') this.#isLeaving = true;
    if (request.halt) {
      this.#isHalted = true;
      this.#evaluation.abort(new Error('training is halted'));
    }
    if (this.#turn !== 'step') this.#answerUnchanged();
    this.#wake();
  }

  /** The supervisor needs the slot no more. */
  released({ slot: slotNumber, committed: isCommitted, flushMs }: Release): void {
    if (flushMs !== undefined) this.#meter.flushed(flushMs);
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
    while (this.#writing !== undefined) await this.#event.promise;
  }

  /** Resolves when `stop` has come. */
  async stopped(): Promise<void> {
    while (!this.#isStopped) await this.#event.promise;
  }

  /** The loop is about to compute. */
  leaveBoundary(turn: 'step' | 'evaluation'): void {
    this.#turn = turn;
    this.#held.stepBegins();
    if (turn === 'step') this.#meter.stepBegan();
  }

  /** For one evaluation; aborted by a halt and by the stop. */
  evaluationSignal(): AbortSignal {
    this.#evaluation = new AbortController();
    if (this.#isHalted || this.#isStopped) this.#evaluation.abort(new Error('training is halted'));
    return this.#evaluation.signal;
  }

  /**
   * Between two steps: begins what was asked for or is due. Halted, it waits for the stop; where memory is too short for
   * steps beside a held snapshot, until that is written. `isEnd`: no step follows whatever happens.
   */
  async boundary(isEnd = false): Promise<'go-on' | 'stop'> {
    this.#comeToBoundary();
    for (;;) {
      if (this.#isStopped) return 'stop';
      this.#answerUnchanged();
      const [asked] = this.#requests;
      if (asked !== undefined) this.#tryBegin(asked);
      else if (!this.#isHalted) this.#beginIfDue();
      const mustStand = this.#writing?.held.isAlone === true;
      if (!this.#isHalted && !mustStand && !isEnd) return 'go-on';
      if (mustStand) this.#meter.standsStill();
      await this.#waitForEvent();
    }
  }

  /** Waits until the present state is staged in full. Where that fails for want of room, training goes on all the same. */
  async secure(reason: SaveReason): Promise<'go-on' | 'stop'> {
    this.#comeToBoundary();
    const { changes } = this.#attached().progress;
    let hasBegun = this.#writing?.known.changes === changes;
    for (;;) {
      if (this.#isStopped) return 'stop';
      this.#answerUnchanged();
      if (this.#stagedAs(changes) !== undefined) return 'go-on';
      if (hasBegun && this.#writing?.known.changes !== changes) return 'go-on';
      if (!hasBegun) hasBegun = this.#tryBegin(this.#requests[0] ?? this.#own(reason));
      await this.#waitForEvent();
    }
  }

  /** The last snapshot, staged in full; undefined when it could not be written. */
  async final(): Promise<{ readonly id: string; readonly slot: 0 | 1 } | 'stop' | undefined> {
    this.#comeToBoundary();
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
    const run = this.#attached();
    const { changes } = run.progress;
    if (slot === undefined) this.#tellNoSlot(changes);
    if (this.#writing !== undefined || slot === undefined) return false;
    this.#hasToldNoSlot = false;
    const startedAtMs = this.#options.clock.monotonicMs();
    const held = this.#held.take(run);
    this.#meter.taken({ bytes: held.bytes, tookMs: this.#options.clock.monotonicMs() - startedAtMs });
    this.#requests = this.#requests.filter((one) => one !== request);
    this.#snapshots++;
    this.#noteSave(run);
    const known: Known = { id: request.id, changes, slot, isStaged: false };
    this.#writing = { known, held };
    this.#isGivenUp = false;
    this.#known = [...this.#known.filter((one) => one.changes === changes), known];
    const { snapshot } = held;
    const staging = { slot, snapshot, ...request, compatibility: compatibilityOf(run) };
    const means = { send: this.#options.send, pace: this.#meter.pace };
    void stageSnapshot(staging, means).then((staged) => this.#written(slot, staged));
    return true;
  }

  /** Once for each time that they are all taken. One may hold this very state, or be about to: then none is missing. */
  #tellNoSlot(changes: number): void {
    if (this.#hasToldNoSlot || this.#known.some((known) => known.changes === changes)) return;
    this.#hasToldNoSlot = true;
    this.#options.send({ kind: 'no-slot' });
  }

  #written(slot: Slot, { isStaged, stolenMs }: Staged): void {
    const { known, held } = defined(this.#writing, 'what was written was being written');
    this.#held.gaveBack(held);
    this.#meter.written(stolenMs);
    this.#writing = undefined;
    known.isStaged = isStaged;
    if (!isStaged) this.#known = this.#known.filter((one) => one !== known);
    if (this.#isGivenUp) slot.state = 'free';
    else slot.state = isStaged ? 'staged' : 'abandoned';
    this.#wake();
  }

  #comeToBoundary(): void {
    if (this.#turn === 'step') this.#meter.stepEnded();
    this.#turn = 'boundary';
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

  #beginIfDue(): void {
    const why = this.#isLeaving ? undefined : this.#whyDue();
    if (why !== undefined) this.#tryBegin({ ...this.#own('policy'), why });
  }

  #whyDue(): string | undefined {
    const { clock, shouldSave } = this.#options;
    const { plan, progress } = this.#attached();
    const { step, epoch, example } = progress.position;
    const nowMs = clock.monotonicMs();
    return shouldSave({
      step,
      epoch,
      epochBoundary: plan.shape !== null && example === 0 && epoch > 0,
      stepsSince: step - this.#lastSave.step,
      secondsSince: (nowMs - this.#lastSave.atMs) / 1_000,
      secondsRunning: (nowMs - this.#attachedAtMs) / 1_000,
      costs: this.#meter.costs,
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
    await this.#event.promise;
  }

  #wake(): void {
    const happened = this.#event;
    this.#event = deferred();
    happened.resolve();
  }
}
