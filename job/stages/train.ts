import { messageOf } from '../../lib/base/errors.ts';
import { protocolVersion, type TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import type { Attempt, AttemptEvent, EndPurpose, Outcome } from '../attempt.ts';
import { awaitExit } from '../await-exit.ts';
import { CheckpointPipeline } from '../checkpoint-pipeline.ts';
import { EmergencyPlan } from '../emergency-plan.ts';
import { LastWords } from '../last-words.ts';
import {
  describeNotice,
  outcomeOfDone,
  outcomeOfError,
  outcomeOfExit,
  outcomeOfFailure,
} from '../outcome-of.ts';
import { trainerStartBudgetMs } from '../progress-watch.ts';
import { RuntimeComparison } from '../runtime-comparison.ts';
import type { TrainerOrder } from '../trainer/start-trainer.ts';
import type { Trainer } from '../trainer/trainer.ts';
import type { LatchedStop } from '../../lib/interruption/notice-watch.ts';
import type { World } from '../world.ts';

/**
 * Trains until something ends the attempt. Everything that can happen comes as an event, one at a time, and is decided
 * here; the trainer computes and the pipeline commits meanwhile.
 */
export async function trainJob(world: World, attempt: Attempt, order: TrainerOrder): Promise<Outcome> {
  const training = new Training(world, attempt, order);
  try {
    for (;;) {
      const outcome = await training.decide(await attempt.events.next());
      if (outcome !== undefined) return outcome;
    }
  } catch (error) {
    return outcomeOfError(error);
  } finally {
    await training.end();
  }
}

class Training {
  readonly #world: World;
  readonly #attempt: Attempt;
  readonly #trainer: Trainer;
  readonly #pipeline: CheckpointPipeline;
  readonly #plan: EmergencyPlan;
  readonly #lastWords = new LastWords();
  /** Set once the attempt is being brought to its end; what the trainer does then is no accident. */
  #purpose: EndPurpose | undefined;
  #notice: string | undefined;
  #done: Extract<TrainerMessage, { kind: 'done' }> | undefined;
  /** Outcome that the exit of a killed trainer leads to. */
  #ending: Outcome | undefined;
  #isRestored = false;
  readonly #runtimes: RuntimeComparison;
  #exited = false;
  /** How the attempt ends is known; what is on its way to the store is waited for. */
  #isDraining = false;

  constructor(world: World, attempt: Attempt, order: TrainerOrder) {
    this.#world = world;
    this.#attempt = attempt;
    const { events, segments, progress } = attempt;
    progress.allow(trainerStartBudgetMs);
    this.#trainer = world.startTrainer(order, {
      message: (message) => events.push({ kind: 'message', message }),
      exit: (exit) => events.push({ kind: 'exit', exit }),
      output: (stream, line) => {
        segments.log(stream, line, progress.step);
        this.#lastWords.heard(stream, line);
      },
    });
    this.#runtimes = new RuntimeComparison((warning) => this.#say(warning));
    this.#plan = new EmergencyPlan(world.clock, (event) => events.push(event), attempt.signal);
    this.#pipeline = new CheckpointPipeline(this.#trainer, {
      world,
      claim: attempt.claim,
      keep: attempt.spec.keep,
      signal: attempt.signal,
      onCommitted: (record, measured) => {
        this.#plan.measured(measured);
        world.fleet.saved({ jobId: attempt.spec.jobId, step: record.step });
        const { id, newBytes, reason, step } = record;
        this.#say(`checkpoint ${id} (${measured.why}) committed, ${newBytes} new bytes`, step);
        if (this.#pipeline.commits === 1) this.#tellOutlook();
        if (reason === 'notice' && this.#purpose === undefined) this.#plan.secured(progress.longestGapMs);
      },
      onBroken: (error) => events.push({ kind: 'broken', error }),
    });
  }

  /** One event; an outcome ends the attempt. */
  async decide(event: AttemptEvent): Promise<Outcome | undefined> {
    switch (event.kind) {
      case 'restored':
        return this.#restored(event);
      case 'message':
        return this.#heard(event.message);
      case 'exit':
        return this.#trainerGone(outcomeOfExit(event.exit, this.#lastWords.lines));
      case 'notice':
        return this.#noticed(event.stop);
      case 'save-due':
        if (this.#purpose === undefined) void this.#requestForNotice(false);
        return undefined;
      case 'flush-due':
        return this.#flush();
      case 'answer-overdue':
        return this.#giveUpWaiting();
      case 'cut':
        this.#attempt.stopWork(new Error('the notice is over'));
        return this.#ending ?? this.#interrupted;
      case 'rebalance':
        return this.#saveAtRisk();
      case 'requested':
        if (this.#isDraining) return undefined;
        if (event.requests.cancel) return { kind: 'cancelled' };
        return this.#endBy('pause');
      case 'prune-requested':
        // What is left over when the attempt ends is for the next claim: a machine that is about to go saves first.
        if (!this.#isDraining) this.#pipeline.answerPruneRequests();
        return undefined;
      case 'ticket-lost':
      case 'handover-due':
        return this.#endBy('handover');
      case 'answered':
        return this.#answered(event.purpose, event.answer);
      case 'drained':
        return event.outcome();
      case 'hung':
        return this.#killFor({ kind: 'hung', message: event.verdict });
      case 'fenced':
        return { kind: 'fenced', message: messageOf(event.error) };
      case 'restore-failed':
      case 'broken':
        return outcomeOfError(event.error);
    }
  }

  /** The process and what it holds, whatever the outcome. */
  async end(): Promise<void> {
    if (!this.#exited && this.#done !== undefined) {
      this.#trainer.send({ kind: 'stop' });
      await awaitExit(this.#world.clock, this.#attempt.events);
    }
    this.#trainer.kill();
  }

  async #restored({ result, elapsedMs }: Extract<AttemptEvent, { kind: 'restored' }>): Promise<undefined> {
    const { claim, progress, dirs } = this.#attempt;
    const step = result.outcome === 'fresh' ? 0 : result.record.step;
    this.#isRestored = true;
    await claim.append(() => ({
      kind: 'restored',
      checkpoint: result.outcome === 'fresh' ? null : result.record.id,
      step,
      bytes: result.outcome === 'fresh' ? 0 : result.bytes,
      elapsedMs,
      passedOver: result.outcome === 'fresh' ? [] : [...result.passedOver],
    }));
    if (result.outcome === 'fresh') {
      this.#trainer.send({ kind: 'fresh' });
      return;
    }
    const isFork = result.record.reason === 'fork';
    progress.startAt(step, result.record.epoch);
    this.#runtimes.savedBy(result.manifest.runtime);
    this.#pipeline.restoredFrom(result.record, result.manifest);
    // How long a copy within the store took says nothing about an upload.
    if (!isFork) this.#plan.remembered(result.record);
    for (const { checkpoint, why } of result.passedOver)
      this.#say(`checkpoint ${checkpoint} was passed over: ${why}`, step);
    this.#say(`resumed from checkpoint ${result.record.id}`, step);
    this.#tellOutlook();
    this.#trainer.send({ kind: 'restore', dir: dirs.restored, fork: isFork });
  }

  /** Told once it is known: whoever reads it can still change the job before a machine is lost. */
  #tellOutlook(): void {
    const outlook = this.#plan.outlook(this.#attempt.progress.longestGapMs);
    if (outlook !== undefined) this.#say(outlook);
  }

  #say(text: string, step = this.#attempt.progress.step): void {
    this.#attempt.segments.log('worker', text, step);
  }

  #heard(message: TrainerMessage): undefined {
    const { progress, segments } = this.#attempt;
    progress.handle(message);
    this.#pipeline.handle(message);
    if (message.kind === 'progress') {
      const { step, epoch, metrics, evaluation } = message;
      segments.metrics({ step, epoch, metrics, ...(evaluation !== undefined && { evaluation }) });
    }
    if (message.kind === 'hello') {
      if (message.protocol !== protocolVersion) {
        const why = `the trainer speaks protocol ${message.protocol}, this worker protocol ${protocolVersion}`;
        return this.#killFor({ kind: 'failed', reason: 'incompatible', message: why });
      }
      this.#runtimes.runsOn(message.runtime);
    }
    if (message.kind === 'failed') return this.#killFor(outcomeOfFailure(message));
    if (message.kind === 'done') {
      this.#done = message;
      this.#purpose = 'done';
      this.#push('done', this.#pipeline.committed(message.id));
    }
    return undefined;
  }

  #noticed(stop: LatchedStop): Outcome | undefined {
    const { progress } = this.#attempt;
    this.#notice = describeNotice(stop.notice);
    this.#say(this.#notice);
    if (!this.#isRestored) return { kind: 'interrupted', notice: this.#notice };
    this.#plan.noticed(stop, { longestGapMs: progress.longestGapMs, asksEarly: this.#trainer.asksEarly });
    return undefined;
  }

  #flush(): undefined {
    if (this.#purpose === 'done' || this.#purpose === 'notice') return;
    this.#purpose = 'notice';
    this.#push('notice', this.#requestForNotice(true));
  }

  #requestForNotice(halt: boolean): ReturnType<CheckpointPipeline['request']> {
    const { noticedAtMs } = this.#plan;
    return this.#pipeline.request('notice', {
      halt,
      ...(noticedAtMs !== undefined && { noticeAtMs: noticedAtMs }),
    });
  }

  /** Once all is saved the fleet may have the instance. Before the trainer has begun there is nothing that is not saved. */
  #saveAtRisk(): undefined {
    const { fleet } = this.#world;
    if (!this.#isRestored) return fleet.savedAtRisk();
    const saved = this.#pipeline.request('rebalance', { halt: false });
    void saved.then(({ outcome }) => outcome === 'committed' && fleet.savedAtRisk());
  }

  /** No answer in time: what is staged already is committed, and the machine is left without the last steps. */
  #giveUpWaiting(): undefined {
    if (this.#purpose !== 'notice' || this.#pipeline.isReceiving('notice')) return;
    this.#say('the trainer does not answer; its newest staged checkpoint is handed over');
    this.#killFor(this.#interrupted);
  }

  /** The process is ended; its exit, which comes after its last message, ends the attempt with this outcome. */
  #killFor(outcome: Outcome): undefined {
    this.#ending ??= outcome;
    this.#trainer.kill();
  }

  /** The trainer is gone. What it staged whole is committed before the attempt ends. */
  #trainerGone(accident: Outcome): undefined {
    this.#exited = true;
    this.#pipeline.trainerGone();
    const purpose = this.#purpose;
    if (purpose === 'done') return;
    this.#endWhenDrained(() => this.#ending ?? (purpose === undefined ? accident : this.#outcomeOf(purpose)));
  }

  /** Nobody waits here: a deadline, or the loss of the claim, ends an upload that takes too long. */
  #endWhenDrained(outcome: () => Outcome): undefined {
    this.#isDraining = true;
    const { events } = this.#attempt;
    void this.#pipeline.drained().then(() => events.push({ kind: 'drained', outcome }));
  }

  get #interrupted(): Outcome {
    return { kind: 'interrupted', notice: this.#notice ?? 'interruption' };
  }

  #endBy(purpose: 'pause' | 'handover'): Outcome | undefined {
    if (this.#purpose !== undefined || this.#notice !== undefined) return undefined;
    if (!this.#isRestored) return this.#outcomeOf(purpose);
    this.#purpose = purpose;
    this.#push(purpose, this.#pipeline.request(purpose, { halt: true }));
    return undefined;
  }

  /** An attempt that committed nothing leaves the ticket to rest, so that a fault of the queue cannot spin. */
  #outcomeOf(purpose: Exclude<EndPurpose, 'done'>): Outcome {
    if (purpose === 'notice') return this.#interrupted;
    if (purpose === 'pause') return { kind: 'paused' };
    return { kind: 'handover', why: 'the ticket is old or lost', later: this.#pipeline.commits === 0 };
  }

  #push(purpose: EndPurpose, answer: ReturnType<CheckpointPipeline['committed']>): void {
    void answer.then((known) => this.#attempt.events.push({ kind: 'answered', purpose, answer: known }));
  }

  #answered(purpose: EndPurpose, answer: Awaited<ReturnType<CheckpointPipeline['committed']>>): undefined {
    if (purpose !== this.#purpose) return;
    this.#endWhenDrained(() =>
      purpose === 'done' ? outcomeOfDone(answer, this.#done) : this.#outcomeOf(purpose),
    );
  }
}
