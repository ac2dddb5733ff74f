import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startLevelOneTrainer, type TrainerProcess } from '../../job/trainer/level-one-trainer.ts';
import type { TrainerOrder } from '../../job/trainer/start-trainer.ts';
import type { StagedSource, Trainer, TrainerExit } from '../../job/trainer/trainer.ts';
import { ProgressWatch } from '../../job/progress-watch.ts';
import { type Clock, pause } from '../../lib/base/clock.ts';
import { deferred } from '../../lib/base/deferred.ts';
import { UnfitError } from '../../lib/base/errors.ts';
import type { StepRecord } from '../../lib/contract/step-record.ts';
import type { TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import { type CopiedCheckpoint, copyStaged, layOut } from './copied-checkpoint.ts';
import type { KillPoint } from './interruption.ts';
import { StepLog } from './step-log.ts';

export type Failure = Extract<TrainerMessage, { kind: 'failed' }>['error'];

export interface ProcessOptions {
  readonly order: TrainerOrder;
  readonly process: TrainerProcess;
  /** Undefined: a fresh start. */
  readonly from: CopiedCheckpoint | undefined;
  /** When to kill it; undefined: it comes to its end. */
  readonly kill: KillPoint | undefined;
  readonly clock: Clock;
  /** Aborted: the process is killed and the call rejects. */
  readonly signal: AbortSignal;
  /** Called now and then with what is recorded so far; true: enough, it is killed. */
  readonly onRecords?: (log: StepLog) => boolean;
}

export interface ProcessResult {
  readonly end: 'killed' | 'done' | 'failed';
  readonly failure: Failure | undefined;
  readonly log: StepLog;
  readonly records: readonly StepRecord[];
  /** Checkpoints that were staged before its end, in order. */
  readonly copies: readonly CopiedCheckpoint[];
}

/** Steps are looked for so often. A kill comes that much later than its step at most, which counts for nothing: steps that were taken since are compared as well. */
const pollMs = 4;

/** Lines of output that are kept for the message about a process that died. */
const lastLinesMax = 5;

/**
 * The smallest supervisor: runs one trainer process, copies what it stages, and kills it (SIGKILL) where it is told to. No
 * store, journal or queue: what is proved is the program, not the way of a checkpoint.
 * @throws UnfitError when this machine cannot run it: no room, no backend
 */
export async function superviseProcess(options: ProcessOptions): Promise<ProcessResult> {
  return await new SupervisedProcess(options).run();
}

class SupervisedProcess {
  readonly #options: ProcessOptions;
  readonly #log: StepLog;
  readonly #progress: ProgressWatch;
  readonly #exited = deferred<TrainerExit>();
  readonly #sources = new Map<string, StagedSource>();
  readonly #copies: CopiedCheckpoint[] = [];
  readonly #ended = new AbortController();
  #trainer: Trainer | undefined;
  #copying: Promise<void> = Promise.resolve();
  #copyFault: unknown;
  #stagedStep = 0;
  #hasSpoken = false;
  #isKilled = false;
  #isDone = false;
  #failure: Failure | undefined;
  #lastLines: readonly string[] = [];

  constructor(options: ProcessOptions) {
    this.#options = options;
    this.#log = new StepLog(options.order.record?.path ?? '');
    this.#progress = new ProgressWatch(options.clock);
  }

  async run(): Promise<ProcessResult> {
    const { order, process, from, signal } = this.#options;
    signal.throwIfAborted();
    if (from !== undefined) await layOut(from, order.dirs.restored);
    const events = {
      message: (message: TrainerMessage) => this.#heard(message),
      output: (_: string, line: string) => {
        this.#lastLines = [...this.#lastLines, line].slice(-lastLinesMax);
      },
      exit: (exit: TrainerExit) => {
        this.#ended.abort();
        this.#exited.resolve(exit);
      },
    };
    this.#trainer = startLevelOneTrainer(order, events, process);
    const abort = (): void => this.#trainer?.kill();
    signal.addEventListener('abort', abort, { once: true });
    try {
      this.#trainer.send(
        from === undefined ? { kind: 'fresh' } : { kind: 'restore', dir: order.dirs.restored, fork: false },
      );
      await this.#watch();
      const exit = await this.#exited.promise;
      await this.#copying;
      signal.throwIfAborted();
      return this.#result(exit);
    } finally {
      signal.removeEventListener('abort', abort);
      this.#trainer.kill();
      await Promise.all([...this.#sources.values()].map((source) => source.close()));
    }
  }

  async #watch(): Promise<void> {
    const { clock, onRecords } = this.#options;
    while (!this.#ended.signal.aborted) {
      this.#log.read();
      const { step } = this.#log;
      if (step !== undefined && this.#isTime('step', step) && this.#isSaved()) this.#kill();
      if (onRecords?.(this.#log) === true && this.#isSaved()) this.#kill();
      if (this.#progress.isSpent) this.#hung();
      await pause(clock, pollMs, this.#ended.signal);
    }
    this.#log.read();
  }

  #heard(message: TrainerMessage): void {
    // What comes on its way after a kill was never heard by anybody.
    if (this.#isKilled) return;
    this.#hasSpoken = true;
    this.#progress.handle(message);
    switch (message.kind) {
      case 'phase':
        if (message.phase === 'evaluating') this.#evaluating();
        return;
      case 'staging':
        this.#sources.set(message.id, this.#opened(message));
        if (this.#isTime('staging', message.step)) this.#kill();
        return;
      case 'staged':
        return this.#staged(message);
      case 'abandoned':
        this.#failure = failureOfMachine(`a checkpoint could not be written: ${message.why}`);
        return this.#kill();
      case 'hello':
      case 'progress':
      case 'written':
      // Nothing is asked for, so nothing is answered.
      case 'unchanged':
      case 'no-slot':
        return;
      case 'failed':
        this.#failure = message.error;
        return;
      case 'done':
        this.#isDone = true;
        // After the copy of its result, which is being made.
        void this.#copying.then(() => this.#trainer?.send({ kind: 'stop' }));
        return;
    }
  }

  #opened(message: Extract<TrainerMessage, { kind: 'staging' }>): StagedSource {
    if (this.#trainer === undefined) throw new UnfitError('a process spoke before it was started.');
    return this.#trainer.open(message);
  }

  #staged({ id, slot }: Extract<TrainerMessage, { kind: 'staged' }>): void {
    const source = this.#sources.get(id);
    if (source === undefined) return;
    this.#stagedStep = source.message.step;
    if (this.#isTime('staged', source.message.step)) this.#kill();
    const { dirs } = this.#options.order;
    const dir = join(dirs.held, id);
    this.#copying = this.#copying.then(async () => {
      try {
        this.#copies.push(await copyStaged(source, dir));
        this.#trainer?.send({ kind: 'release', slot });
      } catch (error) {
        this.#copyFault = error;
        this.#kill();
      }
    });
  }

  #evaluating(): void {
    // The line of the step was written before the message.
    this.#log.read();
    if (this.#isTime('evaluation', this.#log.step ?? 0)) this.#kill();
  }

  #isTime(on: KillPoint['on'], step: number): boolean {
    const { kill } = this.#options;
    return kill?.on === on && step >= kill.step;
  }

  /** What was to be saved before is staged: it is written while steps go on. */
  #isSaved(): boolean {
    return this.#stagedStep >= Math.max(0, ...(this.#options.order.course?.saveAtSteps ?? []));
  }

  #kill(): void {
    this.#isKilled = true;
    this.#trainer?.kill();
  }

  #hung(): void {
    const message = `the program hung: ${this.#progress.verdict}.`;
    this.#failure = { cause: 'user', message, step: this.#log.step ?? 0 };
    this.#kill();
  }

  #result(exit: TrainerExit): ProcessResult {
    if (this.#copyFault !== undefined)
      throw new UnfitError('a checkpoint could not be copied.', { cause: this.#copyFault });
    if (this.#failure === undefined && !this.#isKilled && !this.#isDone) this.#failure = this.#died(exit);
    const { hint } = this.#failure ?? {};
    if (this.#failure?.cause === 'infrastructure')
      throw new UnfitError(this.#failure.message, hint === undefined ? {} : { hint });
    const alive = this.#isDone ? 'done' : 'killed';
    return {
      end: this.#failure === undefined ? alive : 'failed',
      failure: this.#failure,
      log: this.#log,
      records: this.#log.records,
      copies: this.#copies,
    };
  }

  /** Neither told to nor with a word: `process.exit`, or no memory. */
  #died({ code, signal }: TrainerExit): Failure {
    const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
    const said = this.#lastLines.length === 0 ? '' : `\n${this.#lastLines.join('\n')}`;
    // Before its first word it has not seen the program yet.
    const isOurs = !this.#hasSpoken;
    return {
      cause: isOurs ? 'infrastructure' : 'user',
      message: `${isOurs ? 'the trainer' : "the program's process"} ended by itself (${how}).${said}`,
      step: this.#log.step ?? 0,
    };
  }
}

function failureOfMachine(message: string): Failure {
  return {
    cause: 'infrastructure',
    message,
    step: 0,
    hint: 'Make room in the folder for temporary files, or name another one by TMPDIR.',
  };
}

/** Gives a process a copy of the program in a folder of its own, as each machine has one. */
export async function placeProgram(code: string, home: string): Promise<string> {
  const path = join(home, 'program.mjs');
  await writeFile(path, code);
  return path;
}
