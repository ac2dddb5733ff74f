import type { SaveReason } from '../../lib/contract/manifest.ts';
import type { SupervisorMessage, TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import { StagedCheckpoint, type StagingMessage } from '../../job/staged-checkpoint.ts';
import type { StartTrainer, TrainerOrder } from '../../job/trainer/start-trainer.ts';
import type { StagedSource, Trainer, TrainerEvents } from '../../job/trainer/trainer.ts';
import { between } from './chance.ts';
import type { MemoryDisk } from './memory-disk.ts';
import type { JobPlan } from './plan-history.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { filesAt, stepOf } from './state-at.ts';
import type { Trouble } from './troubles.ts';

export type TrainerTrouble = Extract<Trouble, { kind: 'trainer' }>['trouble'];

export interface SimulatedTrainerOptions {
  readonly machine: SimulatedProcess;
  readonly disk: MemoryDisk;
  /** What the job is, and whose state it trains: a fork goes on with that of the job it came from. */
  readonly jobOf: (jobId: string) => { readonly plan: JobPlan; readonly root: string };
  /** Restored bytes that are none of this job's. */
  readonly onWrongBytes: (what: string) => void;
}

/** The trainers of one machine, the newest of which can be put into trouble. */
export function simulatedTrainers(options: SimulatedTrainerOptions): {
  readonly start: StartTrainer;
  readonly trouble: (trouble: TrainerTrouble) => void;
} {
  let newest: SimulatedTrainer | undefined;
  return {
    start(order, events) {
      newest = new SimulatedTrainer(order, events, options);
      return newest;
    },
    trouble: (trouble) => newest?.trouble(trouble),
  };
}

interface Slot {
  readonly memory: Map<string, Uint8Array>;
  isBusy: boolean;
  /** Id of the snapshot that was written there last. */
  holds: string;
}

const budgetMs = 300_000;

/** A trainer with slots in memory: it steps, saves between two steps, obeys, and dies with its machine. */
class SimulatedTrainer implements Trainer {
  readonly asksEarly = false;
  readonly #order: TrainerOrder;
  readonly #events: TrainerEvents;
  readonly #options: SimulatedTrainerOptions;
  readonly #plan: JobPlan;
  readonly #root: string;
  readonly #slots: Slot[];
  #step = 0;
  #isGone = false;
  /** Set by `halt`, and at the end. */
  #isHalted = false;
  #isDeaf = false;
  #isHung = false;
  #abandonsNext = false;
  /** Asked for, and not begun. */
  readonly #asked: Array<{ readonly id: string; readonly reason: SaveReason }> = [];
  /** The snapshot of the current step, if there is one: its id, `restored` or `fresh`. */
  #snapshot: { readonly step: number; readonly as: string } | undefined;
  #count = 0;
  #isDone = false;

  constructor(order: TrainerOrder, events: TrainerEvents, options: SimulatedTrainerOptions) {
    this.#order = order;
    this.#events = events;
    this.#options = options;
    const { plan, root } = options.jobOf(order.spec.jobId);
    this.#plan = plan;
    this.#root = root;
    const slot = (): Slot => ({ memory: new Map(), isBusy: false, holds: '' });
    this.#slots = plan.hasOneSlot ? [slot()] : [slot(), slot()];
    this.#later(between(options.machine.random, 500, 20_000), () => {
      this.#say({
        kind: 'hello',
        protocol: 1,
        runtime: { backend: 'simulated', versions: {}, arch: 'none' },
      });
      this.#say({ kind: 'phase', phase: 'setup', budgetMs });
    });
  }

  get asked(): number {
    return this.#asked.length;
  }

  send(message: SupervisorMessage): void {
    this.#later(1, () => this.#hear(message));
  }

  open(message: StagingMessage): StagedSource {
    const slot = this.#slots[message.slot];
    if (slot === undefined) throw new Error(`there is no slot ${message.slot}`);
    return new MemoryStaged(message, slot.memory);
  }

  kill(): void {
    this.#exit(null);
  }

  trouble(trouble: TrainerTrouble): void {
    switch (trouble) {
      case 'user-error':
      case 'infrastructure': {
        const cause = trouble === 'user-error' ? 'user' : trouble;
        this.#say({ kind: 'failed', error: { cause, message: 'it was planned so', step: this.#step } });
        this.#isHalted = true;
        return;
      }
      case 'crash':
        this.#exit(139);
        return;
      case 'hang':
        this.#isHung = true;
        return;
      case 'deaf':
        this.#isDeaf = true;
        return;
      case 'abandons':
        this.#abandonsNext = true;
    }
  }

  #hear(message: SupervisorMessage): void {
    switch (message.kind) {
      case 'fresh':
        this.#begin(0, 'fresh');
        return;
      case 'restore':
        this.#restore(message.dir);
        return;
      case 'checkpoint':
        if (this.#isDeaf || this.#isHung) return;
        if (message.halt) this.#isHalted = true;
        this.#asked.push({ id: message.id, reason: message.reason });
        // Between two steps; one that is halted answers at once.
        if (this.#isHalted) this.#later(between(this.#random, 1, this.#plan.stepMs), () => this.#answer());
        return;
      case 'release': {
        const slot = this.#slots[message.slot];
        // What was given up is no answer any more to whoever asks for this state.
        if (!message.committed && slot?.isBusy === true && this.#snapshot?.as === slot.holds)
          this.#snapshot = undefined;
        if (slot !== undefined) slot.isBusy = false;
        this.#answer();
        if (this.#isDone) return;
        this.#finishIfDue();
        return;
      }
      case 'stop':
        this.#exit(0);
    }
  }

  #restore(dir: string): void {
    const files = this.#options.disk.files(dir);
    const step = stepOf(files);
    const expected = step === undefined ? undefined : filesAt(this.#root, step);
    const isRight =
      expected !== undefined &&
      files.size === expected.size &&
      [...expected].every(
        ([path, bytes]) => Buffer.compare(files.get(path) ?? new Uint8Array(), bytes) === 0,
      );
    if (!isRight || step === undefined) {
      this.#options.onWrongBytes(
        `${this.#order.spec.jobId} was restored with bytes that are not those of step ${step}`,
      );
      return;
    }
    this.#begin(step, 'restored');
  }

  #begin(step: number, as: 'fresh' | 'restored'): void {
    this.#step = step;
    this.#snapshot = { step, as };
    this.#say({ kind: 'phase', phase: 'training', budgetMs });
    this.#nextStep();
  }

  #nextStep(): void {
    const { stepMs, steps, failsAtStep } = this.#plan;
    if (this.#step === failsAtStep && !this.#isHalted) {
      this.trouble('user-error');
      return;
    }
    if (this.#step >= steps) {
      this.#finishIfDue();
      return;
    }
    if (this.#isHalted) return;
    const ms = Math.max(1, Math.round(stepMs * (0.5 + this.#random.next())));
    this.#later(ms, () => {
      if (this.#isHalted || this.#isHung) return;
      this.#step++;
      const metrics = { loss: 1 / (this.#step + 1) };
      this.#say({ kind: 'progress', ...this.#position, stepMs: ms, gapMs: ms, total: steps, metrics });
      this.#answer();
      const isDue = this.#step % this.#plan.saveEverySteps === 0 && this.#step < steps;
      if (isDue && this.#free !== undefined && this.#snapshot?.step !== this.#step)
        this.#stage({ id: `t${++this.#count}`, reason: 'policy' });
      this.#nextStep();
    });
  }

  /** The result is one more snapshot, which waits for a slot like any other. */
  #finishIfDue(): void {
    if (this.#isDone || this.#isHung || this.#step < this.#plan.steps || this.#free === undefined) return;
    this.#isDone = true;
    this.#isHalted = true;
    const id = `t${++this.#count}`;
    const slot = this.#free;
    this.#stage({ id, reason: 'end' }, () =>
      this.#say({
        kind: 'done',
        slot,
        id,
        reason: 'all steps are done',
        ...this.#position,
        metrics: { loss: 0 },
      }),
    );
  }

  #answer(): void {
    for (let next = this.#asked[0]; next !== undefined; next = this.#asked[0]) {
      if (this.#snapshot !== undefined && this.#snapshot.step === this.#step) {
        this.#asked.shift();
        this.#say({ kind: 'unchanged', id: next.id, as: this.#snapshot.as });
        continue;
      }
      if (this.#free === undefined) return this.#say({ kind: 'no-slot' });
      this.#asked.shift();
      this.#stage(next);
    }
  }

  #stage({ id, reason }: { readonly id: string; readonly reason: SaveReason }, then?: () => void): void {
    const slot = this.#free;
    const memory = slot === undefined ? undefined : this.#slots[slot];
    if (slot === undefined || memory === undefined) throw new Error('no slot is free');
    memory.isBusy = true;
    memory.holds = id;
    const files = filesAt(this.#root, this.#step);
    this.#snapshot = { step: this.#step, as: id };
    const listed = [...files].map(([path, bytes]) => ({ path, bytes: bytes.byteLength }));
    this.#say({
      kind: 'staging',
      slot,
      id,
      reason,
      ...this.#position,
      compatibility: {},
      files: listed,
    });
    const isAbandoned = this.#abandonsNext;
    this.#abandonsNext = false;
    let waitedMs = 0;
    for (const [path, bytes] of files) {
      // The slot is used again: what lay in it is written over, byte by byte, while it may be read.
      waitedMs += between(this.#random, 1, 800);
      this.#later(waitedMs, () => {
        // What is given up may have been written while the state went on.
        memory.memory.set(path, isAbandoned ? bytes.map((byte) => byte ^ 1) : bytes);
        this.#say({ kind: 'written', slot, id, path, bytes: bytes.byteLength });
      });
    }
    this.#later(waitedMs + 1, () => {
      if (isAbandoned) {
        this.#snapshot = undefined;
        this.#say({ kind: 'abandoned', slot, id, why: 'it was planned so' });
        return;
      }
      this.#say({ kind: 'staged', slot, id });
      then?.();
    });
  }

  get #free(): number | undefined {
    const slot = this.#slots.findIndex(({ isBusy }) => !isBusy);
    return slot === -1 ? undefined : slot;
  }

  get #position(): { readonly step: number; readonly epoch: number; readonly example: number } {
    return { step: this.#step, epoch: 0, example: this.#step * 8 };
  }

  get #random(): SimulatedProcess['random'] {
    return this.#options.machine.random;
  }

  #say(message: TrainerMessage): void {
    if (this.#isGone) return;
    this.#options.machine.after(1, () => this.#events.message(message));
  }

  #later(ms: number, act: () => void): void {
    this.#options.machine.after(ms, () => {
      if (!this.#isGone) act();
    });
  }

  #exit(code: number | null): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#options.machine.after(between(this.#random, 2, 200), () =>
      this.#events.exit({ code, signal: code === null ? 'SIGKILL' : null }),
    );
  }
}

/** A slot in memory: what is read is what lies there at that moment. */
class MemoryStaged extends StagedCheckpoint implements StagedSource {
  readonly #memory: ReadonlyMap<string, Uint8Array>;

  constructor(message: StagingMessage, memory: ReadonlyMap<string, Uint8Array>) {
    super(message, '/nowhere');
    this.#memory = memory;
  }

  override async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    return (this.#memory.get(path) ?? new Uint8Array()).slice(offset, offset + length);
  }

  override async close(): Promise<void> {}
}
