import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { assert } from '../../lib/base/assert.ts';
import { type Clock, pause } from '../../lib/base/clock.ts';
import { deferred } from '../../lib/base/deferred.ts';
import { messageOf } from '../../lib/base/errors.ts';
import { unlessMissing } from '../../lib/base/file-errors.ts';
import { builtFile } from '../../lib/base/package-files.ts';
import type { CommandProgram } from '../../lib/contract/job-spec.ts';
import type { SupervisorMessage, TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import { CheckpointFolder, type FoundCheckpoint } from './checkpoint-folder.ts';
import { HeldCheckpoint, holdCheckpoint } from './held-checkpoint.ts';
import { type ProcessGroup, spawnGroup } from './spawn-group.ts';
import type { TrainerOrder } from './start-trainer.ts';
import type { StagedSource, Trainer, TrainerEvents, TrainerExit } from './trainer.ts';

type CheckpointRequest = Extract<SupervisorMessage, { kind: 'checkpoint' }>;

/** Between two looks at the checkpoints folder. */
const scanMs = 250;
/**
 * A program that neither prints nor saves for this long counts as hung. Nothing else is known of it, and epochs of several
 * hours are common.
 */
const silenceMsMax = 6 * 3_600_000;
/** Output re-arms the budget at most this often. */
const rearmMs = 10_000;
const slots = [0, 1] as const;
const guardianPath = builtFile('job/trainer/guardian.js');

/** Runs any program as a trainer: watches its checkpoints folder and speaks level 1 on its behalf. */
export function startCommandHost(order: TrainerOrder, events: TrainerEvents, clock: Clock): Trainer {
  const host = new CommandHost(order, events, clock);
  return {
    asksEarly: host.program.onNotice !== undefined,
    send: (message) => host.receive(message),
    open: (message) => host.open(message.id),
    kill: () => host.kill(),
  };
}

class CommandHost {
  readonly program: CommandProgram;
  readonly #order: TrainerOrder;
  readonly #events: TrainerEvents;
  readonly #clock: Clock;
  readonly #folder: CheckpointFolder;
  readonly #ended = new AbortController();
  readonly #held = new Map<string, StagedSource>();
  /** Slots whose checkpoint has not been released. */
  readonly #busySlots = new Set<number>();
  #group: ProcessGroup | undefined;
  #scanning: Promise<void> = Promise.resolve();
  #newestId = 'restored';
  #position = { step: 0, epoch: 0, example: 0 };
  #saved = false;
  #requests: CheckpointRequest[] = [];
  /** A slot was released, or nothing is to be saved any more. */
  #released = deferred();
  #isKilled = false;
  /** Set when we ended the program, or asked it to end: its exit code then says nothing. */
  #isOurs = false;
  #armedAtMs = -Infinity;
  #count = 0;

  constructor(order: TrainerOrder, events: TrainerEvents, clock: Clock) {
    assert(order.spec.program.kind === 'command', 'the command host runs commands');
    this.program = order.spec.program;
    this.#order = order;
    this.#events = events;
    this.#clock = clock;
    this.#folder = new CheckpointFolder(order.dirs.checkpoints, this.program.checkpoints, clock);
    // As from a process: never before the caller holds the trainer.
    queueMicrotask(() => {
      const runtime = { backend: 'command', versions: { node: process.versions.node }, arch: process.arch };
      this.#say({ kind: 'hello', protocol: 1, runtime });
      this.#arm('waiting');
    });
  }

  receive(message: SupervisorMessage): void {
    switch (message.kind) {
      case 'fresh':
        this.#start();
        return;
      case 'restore':
        void this.#restore(message.dir);
        return;
      case 'checkpoint':
        this.#ask(message);
        return;
      case 'release':
        this.#busySlots.delete(message.slot);
        this.#released.resolve();
        return;
      case 'stop':
        this.kill();
        return;
    }
  }

  open(id: string): StagedSource {
    const held = this.#held.get(id);
    assert(held !== undefined, 'only announced checkpoints are opened', { id });
    this.#held.delete(id);
    return held;
  }

  kill(): void {
    this.#isOurs = true;
    this.#isKilled = true;
    this.#released.resolve();
    if (this.#group === undefined) this.#exit({ code: null, signal: 'SIGKILL' });
    else this.#group.kill();
  }

  #say(message: TrainerMessage): void {
    this.#events.message(message);
  }

  #arm(phase: 'waiting' | 'training' | 'done'): void {
    this.#armedAtMs = this.#clock.monotonicMs();
    this.#say({ kind: 'phase', phase, budgetMs: silenceMsMax });
  }

  async #restore(dir: string): Promise<void> {
    try {
      for (const name of await readdir(dir))
        await rename(join(dir, name), join(this.#order.dirs.checkpoints, name));
      const [restored] = await this.#folder.scan();
      if (restored !== undefined) this.#position = { ...this.#position, step: restored.step };
      this.#start();
    } catch (error) {
      this.#fail('infrastructure', `the restored checkpoint could not be put in place: ${messageOf(error)}`);
    }
  }

  #start(): void {
    if (this.#ended.signal.aborted) return;
    const { dirs, inputs } = this.#order;
    const inputVariables = Object.entries(inputs).map(([name, path]) => [
      `HOLDFAST_INPUT_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`,
      path,
    ]);
    this.#group = spawnGroup({
      command: process.execPath,
      args: [guardianPath, ...this.program.command],
      env: {
        ...process.env,
        HOLDFAST_CHECKPOINTS: dirs.checkpoints,
        ...Object.fromEntries(inputVariables),
        ...this.program.env,
      },
      cwd: process.cwd(),
      channel: true,
      onOutput: (stream, line) => {
        this.#events.output(stream, line);
        if (this.#clock.monotonicMs() - this.#armedAtMs > rearmMs) this.#arm('training');
      },
      onExit: (exit) => void this.#ownExit(exit),
    });
    this.#group.channel?.on('error', () => {});
    this.#arm('training');
    this.#scanning = this.#scanRegularly();
  }

  async #scanRegularly(): Promise<void> {
    try {
      while (!this.#ended.signal.aborted) {
        await this.#lookForCheckpoints();
        await pause(this.#clock, scanMs, this.#ended.signal);
      }
    } catch (error) {
      this.#failToLook(error);
    }
  }

  /** Announces the newest complete checkpoint beyond the last one, if a slot is free. */
  async #lookForCheckpoints(): Promise<boolean> {
    const newest = (await this.#folder.scan()).at(-1);
    const slot = slots.find((candidate) => !this.#busySlots.has(candidate));
    if (newest === undefined || newest.step <= this.#position.step || slot === undefined) return false;
    const held = join(this.#order.dirs.held, String(++this.#count));
    await mkdir(held, { recursive: true });
    const holding = holdCheckpoint(this.#order.dirs.checkpoints, newest, held).then(() => true);
    // Programs prune their own checkpoints, also while we look.
    const isHeld = (await unlessMissing(holding)) ?? false;
    if (isHeld) this.#announce(newest, { slot, held });
    return isHeld;
  }

  #announce(found: FoundCheckpoint, place: { readonly slot: number; readonly held: string }): void {
    const request = this.#requests.shift();
    const id = request?.id ?? `p${this.#count}`;
    this.#position = { ...this.#position, step: found.step };
    this.#saved = true;
    this.#newestId = id;
    this.#busySlots.add(place.slot);
    const files = found.files.map(({ path, bytes }) => ({ path, bytes }));
    const reason = request?.reason ?? 'program';
    const message = {
      kind: 'staging' as const,
      slot: place.slot,
      id,
      reason,
      ...this.#position,
      compatibility: {},
      files,
    };
    this.#held.set(id, new HeldCheckpoint(message, place.held, found.files));
    this.#say({ kind: 'progress', ...this.#position, stepMs: 0, gapMs: 0, metrics: {} });
    this.#say(message);
    this.#say({ kind: 'staged', slot: place.slot, id });
  }

  /** Only a program that declares a signal can be asked. Before its end every program gets a last SIGTERM. */
  #ask(request: CheckpointRequest): void {
    const declared = request.halt ? (this.program.onNotice ?? this.program.onSave) : this.program.onSave;
    if (declared === undefined && !request.halt) {
      const why = 'the program declares no signal that makes it save';
      this.#say({ kind: 'abandoned', slot: 0, id: request.id, why });
      return;
    }
    if (declared === undefined) this.#isOurs = true;
    this.#requests.push(request);
    this.#group?.signalLeader(declared?.signal ?? 'SIGTERM');
  }

  async #ownExit(exit: TrainerExit): Promise<void> {
    this.#ended.abort();
    await this.#scanning;
    // What it wrote last counts, also when it was killed: complete is complete.
    try {
      while (await this.#lastLook()) this.#arm('done');
    } catch (error) {
      this.#failToLook(error);
    }
    this.#refuseRequests();
    if (!this.#isOurs && exit.code === 0) this.#done();
    else if (!this.#isOurs) this.#fail(exit.signal === null ? 'user' : 'infrastructure', describe(exit));
    this.#exit(exit);
  }

  /** A checkpoint that shows its completeness by rest is given that rest. */
  async #lastLook(): Promise<boolean> {
    const { complete } = this.program.checkpoints;
    if (complete.by === 'marker') {
      await this.#folder.scan();
      await this.#clock.sleep(complete.unchangedMs);
    }
    // What it wrote right before its end is its result: it waits for the saves before it, which may take minutes.
    while (this.#busySlots.size === slots.length && !this.#isKilled) {
      this.#released = deferred();
      await this.#released.promise;
    }
    return this.#lookForCheckpoints();
  }

  #refuseRequests(): void {
    for (const { id } of this.#requests)
      this.#say({ kind: 'abandoned', slot: 0, id, why: 'the program ended without saving again' });
    this.#requests = [];
  }

  #done(): void {
    if (!this.#saved && this.#newestId === 'restored' && this.#position.step === 0) {
      this.#fail(
        'user',
        `the program ended without writing any checkpoint that matches ${this.program.checkpoints.match} into ${this.#order.dirs.checkpoints}`,
      );
      return;
    }
    this.#say({
      kind: 'done',
      slot: 0,
      id: this.#newestId,
      reason: 'the program ended',
      ...this.#position,
      metrics: {},
    });
  }

  #fail(cause: 'user' | 'infrastructure', message: string): void {
    this.#say({ kind: 'failed', error: { cause, message, step: this.#position.step } });
  }

  #failToLook(error: unknown): void {
    this.#fail('infrastructure', `its checkpoints cannot be looked at: ${messageOf(error)}`);
  }

  #exit(exit: TrainerExit): void {
    this.#ended.abort();
    this.#events.exit(exit);
  }
}

function describe({ code, signal }: TrainerExit): string {
  return signal === null ? `the program exited with code ${code}` : `the program was killed by ${signal}`;
}
