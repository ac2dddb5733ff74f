import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SaveReason } from '../../lib/contract/manifest.ts';
import type { SupervisorMessage, TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import { StagedCheckpoint } from '../../job/staged-checkpoint.ts';
import type { StartTrainer, TrainerOrder } from '../../job/trainer/start-trainer.ts';
import type { Trainer, TrainerEvents } from '../../job/trainer/trainer.ts';

type Failure = Extract<TrainerMessage, { kind: 'failed' }>['error'];

/** A trainer whose every move a test decides. Its slots are real files; its process is not. */
export class FakeTrainer implements Trainer {
  readonly asksEarly = false;
  readonly order: TrainerOrder;
  readonly heard: SupervisorMessage[] = [];
  killed = false;
  step = 0;
  /** Answers requests for a checkpoint by itself, as a trainer between two steps does. */
  answers = true;
  /** It has one slot: requests wait until it is released. */
  hasOneSlot = false;
  readonly #events: TrainerEvents;
  readonly #busy = new Set<number>();
  #waiting: { readonly id: string; readonly reason: SaveReason } | undefined;
  #count = 0;

  constructor(order: TrainerOrder, events: TrainerEvents) {
    this.order = order;
    this.#events = events;
    queueMicrotask(() => {
      this.say({
        kind: 'hello',
        protocol: 1,
        runtime: { backend: 'fake', versions: {}, arch: 'none' },
      });
      this.say({ kind: 'phase', phase: 'setup', budgetMs: 600_000 });
    });
  }

  say(message: TrainerMessage): void {
    if (!this.killed) this.#events.message(message);
  }

  send(message: SupervisorMessage): void {
    this.heard.push(message);
    if (message.kind === 'release') this.#released(message.slot);
    if (message.kind === 'checkpoint' && this.answers) {
      const { id, reason } = message;
      if (this.hasFreeSlot) this.stage({ id, reason });
      else {
        this.#waiting = { id, reason };
        this.say({ kind: 'no-slot' });
      }
    }
    if (message.kind === 'stop') this.exit(0);
  }

  open(message: Extract<TrainerMessage, { kind: 'staging' }>): StagedCheckpoint {
    return new StagedCheckpoint(message, join(this.order.dirs.staging, `slot-${message.slot}`));
  }

  kill(): void {
    this.exit(null);
  }

  get hasFreeSlot(): boolean {
    return this.#busy.size < (this.hasOneSlot ? 1 : 2);
  }

  /** True once the supervisor let it begin. */
  get begun(): boolean {
    return this.heard.some(({ kind }) => kind === 'fresh' || kind === 'restore');
  }

  get restoredFrom(): string | undefined {
    const message = this.heard.find(({ kind }) => kind === 'restore');
    return message?.kind === 'restore' ? message.dir : undefined;
  }

  /** Trains up to `step`. */
  train(step: number, metrics: Readonly<Record<string, number>> = { loss: 1 / (step + 1) }): void {
    if (this.step === 0) this.say({ kind: 'phase', phase: 'training', budgetMs: 600_000 });
    this.step = step;
    this.say({ kind: 'progress', ...this.position, stepMs: 10, gapMs: 10, metrics: { ...metrics } });
  }

  get position(): { step: number; epoch: number; example: number } {
    return { step: this.step, epoch: 0, example: this.step * 8 };
  }

  /** What a checkpoint at `step` holds. */
  static contentOf(step: number): string {
    return JSON.stringify({ step, weights: `weights of step ${step}` });
  }

  /** Begins to write a checkpoint of the current step; `finish` completes it. */
  begin(options: { readonly id?: string; readonly reason?: SaveReason } = {}): {
    readonly id: string;
    finish(): void;
  } {
    const slot = [0, 1].find((candidate) => !this.#busy.has(candidate));
    if (slot === undefined) throw new Error('no slot is free');
    this.#busy.add(slot);
    const id = options.id ?? `t${++this.#count}`;
    const content = FakeTrainer.contentOf(this.step);
    const dir = join(this.order.dirs.staging, `slot-${slot}`);
    mkdirSync(dir, { recursive: true });
    const files = [{ path: 'state.json', bytes: content.length }];
    this.say({
      kind: 'staging',
      slot,
      id,
      reason: options.reason ?? 'policy',
      ...this.position,
      compatibility: {},
      files,
    });
    return {
      id,
      finish: () => {
        writeFileSync(join(dir, 'state.json'), content);
        this.say({ kind: 'written', slot, id, path: 'state.json', bytes: content.length });
        this.say({ kind: 'staged', slot, id });
      },
    };
  }

  #released(slot: number): void {
    this.#busy.delete(slot);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) this.stage(waiting);
  }

  /** A whole checkpoint of the current step. */
  stage(options: { readonly id?: string; readonly reason?: SaveReason } = {}): string {
    const staging = this.begin(options);
    staging.finish();
    return staging.id;
  }

  finish(metrics: Readonly<Record<string, number>> = {}): void {
    const id = this.stage({ reason: 'end' });
    this.say({
      kind: 'done',
      slot: 0,
      id,
      reason: 'all steps are done',
      ...this.position,
      metrics: { ...metrics },
    });
  }

  fail(error: Partial<Failure> = {}): void {
    this.say({ kind: 'failed', error: { cause: 'user', message: 'it broke', step: this.step, ...error } });
  }

  exit(code: number | null): void {
    if (this.killed) return;
    this.killed = true;
    queueMicrotask(() => this.#events.exit({ code, signal: code === null ? 'SIGKILL' : null }));
  }
}

/** Starts fake trainers and hands them to the test, newest last. */
export function fakeTrainers(): { readonly started: FakeTrainer[]; readonly start: StartTrainer } {
  const started: FakeTrainer[] = [];
  return {
    started,
    start: (order, events) => {
      const trainer = new FakeTrainer(order, events);
      started.push(trainer);
      return trainer;
    },
  };
}
