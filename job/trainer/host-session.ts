import type { Duplex } from 'node:stream';
import { type Clock, pause } from '../../lib/base/clock.ts';
import { deferred, type Deferred } from '../../lib/base/deferred.ts';
import { InvariantError } from '../../lib/base/errors.ts';
import { unknownRisk } from '../../lib/checkpoint/interruption-risk.ts';
import { atSteps, savePolicyFrom } from '../../lib/checkpoint/policy.ts';
import { workerExitCodes } from '../../lib/contract/exit-codes.ts';
import { supervisorMessageSchema, type TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import { type Channel, openChannel } from './channel.ts';
import { failureOf } from './failure.ts';
import { HostCheckpoints } from './host-checkpoints.ts';
import type { HostStart } from './host-start.ts';
import { ProgressReports } from './progress-reports.ts';
import { Slots } from './slots.ts';

/** How training begins, as the supervisor decides. */
export type Order =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'restore'; readonly dir: string; readonly fork: boolean };

/** A program may be in the middle of something that it does not end when told to; the supervisor has to go on. */
const stopGraceMs = 3_000;

/** The last bytes and messages leave in milliseconds, unless the disk hangs or the supervisor no longer reads. */
const endMs = 5_000;

export interface HostSessionOptions {
  readonly start: HostStart;
  readonly stream: Duplex;
  readonly clock: Clock;
  /** Ends the process. */
  readonly exit: (code: number) => void;
}

/** Output of the trainer is kept as the log of its job. */
export function sayToPeople(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** The trainer's side of the channel: what the supervisor says goes to whom it concerns, and the process ends in one place. */
export class HostSession {
  readonly slots: Slots;
  readonly checkpoints: HostCheckpoints;
  readonly reports: ProgressReports;
  readonly #options: HostSessionOptions;
  readonly #channel: Channel<TrainerMessage>;
  readonly #order: Deferred<Order | 'stop'> = deferred();
  readonly #stopping = new AbortController();
  #step = 0;
  #isEnding = false;

  constructor(options: HostSessionOptions) {
    const { start, stream, clock } = options;
    const { save, course, risk = unknownRisk } = start;
    this.#options = options;
    this.#channel = openChannel<typeof supervisorMessageSchema, TrainerMessage>(stream, {
      incoming: supervisorMessageSchema,
      onMessage: (message) => this.#take(message),
      onFault: (why) => void this.fail(new InvariantError(`the supervisor broke the protocol: ${why}`)),
      // The supervisor is gone: nobody would ever commit what is trained from here on.
      onClose: () => options.exit(workerExitCodes.handedOver),
    });
    this.slots = new Slots(start.stagingDir);
    this.reports = new ProgressReports((message) => this.send(message), clock);
    this.checkpoints = new HostCheckpoints({
      slots: this.slots,
      send: (message) => this.send(message),
      shouldSave: course === undefined ? savePolicyFrom(save, risk) : atSteps(course.saveAtSteps),
      clock,
      onWaiting: () => this.reports.phase('waiting'),
      say: sayToPeople,
    });
    this.checkpoints.begin(start.resuming ? 'restored' : 'fresh');
  }

  /** Aborted by `stop`. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  send(message: TrainerMessage): void {
    this.#channel.send(message);
  }

  /** Completed steps, for the message of a failure. */
  noteStep(step: number): void {
    this.#step = step;
  }

  /** How to begin. */
  order(): Promise<Order | 'stop'> {
    return this.#order.promise;
  }

  /** Tells the supervisor why training cannot go on, and ends the process. */
  async fail(error: unknown): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.checkpoints.stop();
    // A snapshot of a good step may be on its way; it is worth more than a quick end.
    await this.#within(this.checkpoints.idle());
    this.send({ kind: 'failed', error: failureOf(error, this.#options.start.program, this.#step) });
    await this.#within(this.#channel.flush());
    this.#options.exit(workerExitCodes.fault);
  }

  /** Ends the process as the supervisor wanted. */
  async quit(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    await this.#within(this.#channel.flush());
    this.#options.exit(0);
  }

  #take(message: ReturnType<typeof supervisorMessageSchema.parse>): void {
    switch (message.kind) {
      case 'fresh':
        this.checkpoints.begin('fresh');
        return this.#order.resolve(message);
      case 'restore':
        this.checkpoints.begin('restored');
        return this.#order.resolve(message);
      case 'checkpoint':
        return this.checkpoints.request(message);
      case 'release':
        return this.checkpoints.released(message);
      case 'stop':
        return void this.#stop();
    }
  }

  async #stop(): Promise<void> {
    this.#stopping.abort(new Error('training is stopped'));
    this.checkpoints.stop();
    this.#order.resolve('stop');
    await this.#options.clock.sleep(stopGraceMs);
    await this.quit();
  }

  async #within(work: Promise<void>): Promise<void> {
    const limit = new AbortController();
    await Promise.race([work, pause(this.#options.clock, endMs, limit.signal)]);
    limit.abort();
  }
}
