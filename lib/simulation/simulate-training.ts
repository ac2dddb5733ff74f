import { requestsOfSave, type SaveCosts } from '../checkpoint/adaptive-interval.ts';
import { interruptionRisk } from '../checkpoint/interruption-risk.ts';
import {
  FlushEstimate,
  flushDueInMs,
  type NoticeBudget,
  savesAtNotice,
} from '../checkpoint/notice-budget.ts';
import { type SavePolicy, savePolicyFrom } from '../checkpoint/policy.ts';
import { type Line, nextSave } from './next-save.ts';
import { lineFor, type Upload } from './one-upload.ts';
import { Rhythm, shifted } from './rhythm.ts';
import type { AttemptQuestion, SlotRun } from './slot-run.ts';
import { chunksOf, flushSecondsOf, heardStepOf } from './simulation-options.ts';

/** Steps, saves and the end. Whatever comes next in time is done next. */
export class Training {
  readonly #run: SlotRun;
  readonly #question: AttemptQuestion;
  readonly #policy: SavePolicy;
  readonly #estimate = new FlushEstimate();
  readonly #flushSeconds: number;
  readonly #beganAt: number;
  #noticeAt: number;
  /** The boundary at which the save that a notice asks for is taken. */
  #saveAt = Number.POSITIVE_INFINITY;
  #flushAt = Number.POSITIVE_INFINITY;
  #isLeaving = false;
  #line: Line;
  #last: Line;
  #costs: SaveCosts | undefined;
  #upload: Upload | undefined;
  /** Since then nothing has been under way. */
  #idleSince = 0;
  /** Where the last save was due: the next one is near it. */
  #expected: number | undefined;
  readonly #rhythm = new Rhythm();

  constructor(run: SlotRun, question: AttemptQuestion, at: { trainsAt: number; noticeAt: number }) {
    const { options, strategy } = question;
    const { newest, state } = run.job;
    this.#run = run;
    this.#question = question;
    this.#flushSeconds = flushSecondsOf(options);
    this.#beganAt = at.trainsAt;
    this.#noticeAt = at.noticeAt;
    this.#line = { atSeconds: at.trainsAt, step: newest?.step ?? 0 };
    this.#last = this.#line;
    if (newest !== undefined) this.#estimate.add(newest);
    this.#policy = savePolicyFrom(
      strategy.save,
      interruptionRisk({ totals: state.totals, newest, store: state.store }),
    );
  }

  run(): void {
    const { up } = this.#question;
    for (;;) {
      const dueAt = this.#upload === undefined ? this.#nextSaveAt() : Number.POSITIVE_INFINITY;
      const uploadedAt = this.#upload?.doneAt ?? Number.POSITIVE_INFINITY;
      const next = Math.min(dueAt, uploadedAt, this.#noticeAt, this.#saveAt, this.#flushAt, up.toSeconds);
      if (next === up.toSeconds) return this.#end();
      if (next === uploadedAt) this.#uploaded();
      else if (next === this.#noticeAt) this.#noticed();
      else if (next === this.#saveAt) this.#saveAtNotice();
      else if (next === this.#flushAt) return this.#flush();
      else this.#save(dueAt);
    }
  }

  #boundaryAfter(seconds: number): number {
    const { stepSeconds } = this.#question.options;
    // Times are sums of steps: what lies a rounding error behind a boundary is meant to lie on it.
    return Math.max(1, Math.ceil((seconds - this.#line.atSeconds) / stepSeconds - 1e-6));
  }

  #timeOf(boundary: number): number {
    return this.#line.atSeconds + boundary * this.#question.options.stepSeconds;
  }

  #nextSaveAt(): number {
    if (this.#isLeaving) return Number.POSITIVE_INFINITY;
    const { up, options, strategy } = this.#question;
    const boundary = nextSave({
      policy: this.#policy,
      line: this.#line,
      stepSeconds: options.stepSeconds,
      last: this.#last,
      costs: this.#costs,
      beganAt: this.#beganAt,
      firstBoundary: this.#boundaryAfter(this.#idleSince),
      lastBoundary: Math.floor((up.toSeconds - this.#line.atSeconds) / options.stepSeconds),
      everySteps: strategy.save.everySteps,
      expected: this.#expected,
    });
    this.#expected = boundary;
    return boundary === undefined ? Number.POSITIVE_INFINITY : this.#timeOf(boundary);
  }

  /** Books the steps up to a boundary, and moves the line there. */
  #trainTo(seconds: number): void {
    const { account } = this.#run;
    const { stepSeconds } = this.#question.options;
    const steps = Math.round((seconds - this.#line.atSeconds) / stepSeconds);
    account.add('training', this.#line.atSeconds, seconds);
    this.#line = { atSeconds: seconds, step: this.#line.step + steps };
  }

  /** Training stands still, at most until the machine is gone. */
  #standUntil(seconds: number): void {
    const { account } = this.#run;
    const until = Math.min(seconds, this.#question.up.toSeconds);
    account.add('saving', this.#line.atSeconds, until);
    this.#line = { ...this.#line, atSeconds: until };
  }

  #save(atSeconds: number): void {
    const { strategy, options } = this.#question;
    this.#trainTo(atSeconds);
    const { step } = this.#line;
    const snapshotAt = atSeconds + options.stallSeconds;
    const doneAt = snapshotAt + this.#flushSeconds;
    this.#standUntil(strategy.isSynchronous ? doneAt : snapshotAt);
    this.#upload = { step, reason: 'policy', startedAt: snapshotAt, doneAt };
    this.#last = this.#line;
    this.#costs = {
      stolenSeconds: options.stallSeconds,
      flushSeconds: this.#costs?.flushSeconds,
      bytes: options.stateBytes,
    };
  }

  #uploaded(): void {
    const upload = this.#upload;
    if (upload === undefined) return;
    const skipped = this.#skipCycles(upload);
    this.#commit(skipped);
    if (skipped.reason === 'notice') this.#plan(skipped.doneAt, true);
    this.#upload = undefined;
    this.#idleSince = skipped.doneAt;
  }

  /**
   * Policies by seconds look at differences of time and steps only. So where two cycles of training and saving were alike,
   * all that follow until something else happens will be, and are booked at once: continuous saving makes millions of them.
   * @returns the upload that ends the last of them
   */
  #skipCycles(upload: Upload): Upload {
    const { everySeconds, everySteps } = this.#question.strategy.save;
    const rhythm =
      everySeconds !== undefined && everySteps === undefined ? this.#rhythm.after(this.#line) : undefined;
    const { up, options } = this.#question;
    const { counts, account } = this.#run;
    if (rhythm === undefined || this.#run.keepsStory) return upload;
    const until = Math.min(up.toSeconds, this.#noticeAt, this.#flushAt);
    const cycles = Math.floor((until - upload.doneAt) / rhythm.seconds) - 1;
    if (cycles <= 0) return upload;
    const { stateBytes, stepSeconds } = options;
    counts.saves += cycles;
    counts.writes += cycles * requestsOfSave(stateBytes);
    counts.uploadedBytes += cycles * stateBytes;
    account.add('training', 0, cycles * rhythm.steps * stepSeconds);
    account.add('saving', 0, cycles * (rhythm.seconds - rhythm.steps * stepSeconds));
    this.#line = shifted(this.#line, rhythm, cycles);
    this.#last = shifted(this.#last, rhythm, cycles);
    this.#rhythm.forget();
    return {
      ...upload,
      step: upload.step + cycles * rhythm.steps,
      startedAt: upload.startedAt + cycles * rhythm.seconds,
      doneAt: upload.doneAt + cycles * rhythm.seconds,
    };
  }

  #commit({ step, reason, startedAt, doneAt }: Upload): void {
    const { job, counts } = this.#run;
    const { stateBytes } = this.#question.options;
    const elapsedSeconds = doneAt - startedAt;
    job.committed(doneAt, { step, bytes: stateBytes, elapsedSeconds, reason });
    counts.saves++;
    counts.writes += requestsOfSave(stateBytes);
    counts.uploadedBytes += stateBytes;
    this.#estimate.add({ bytes: stateBytes, elapsedMs: elapsedSeconds * 1_000 });
    if (this.#costs !== undefined) this.#costs = { ...this.#costs, flushSeconds: elapsedSeconds };
  }

  /** Given up under way: what was sent by then was sent in vain. */
  #abort(upload: Upload, atSeconds: number): void {
    const { counts } = this.#run;
    const { stateBytes } = this.#question.options;
    const share = Math.min(1, Math.max(0, (atSeconds - upload.startedAt) / this.#flushSeconds));
    counts.writes += Math.round(share * chunksOf(this.#question.options));
    counts.uploadedBytes += Math.round(share * stateBytes);
  }

  #noticed(): void {
    const { strategy } = this.#question;
    const at = this.#noticeAt;
    this.#isLeaving = true;
    this.#noticeAt = Number.POSITIVE_INFINITY;
    if (strategy.onNotice === 'stop') {
      this.#flushAt = at;
      return;
    }
    if (savesAtNotice(this.#budgetAt(at))) this.#saveAt = this.#timeOf(this.#boundaryAfter(at));
    this.#plan(at, false);
  }

  #budgetAt(seconds: number): NoticeBudget {
    const { up, options } = this.#question;
    return {
      remainingMs: (up.toSeconds - seconds) * 1_000,
      flushMs: this.#estimate.flushMs,
      longestGapMs: options.stepSeconds * 1_000,
    };
  }

  #plan(seconds: number, isSecured: boolean): void {
    this.#flushAt = seconds + flushDueInMs({ ...this.#budgetAt(seconds), isSecured }) / 1_000;
  }

  /** Besides the last one: what is durable when the machine goes early. Training goes on after it. */
  #saveAtNotice(): void {
    const at = this.#saveAt;
    const { options } = this.#question;
    this.#saveAt = Number.POSITIVE_INFINITY;
    this.#trainTo(at);
    this.#upload = this.#emergencyUpload(this.#line.step);
    this.#standUntil(at + options.stallSeconds);
    this.#last = this.#line;
  }

  /** The emergency checkpoint: nothing is trained after it. */
  #flush(): void {
    const { up, options } = this.#question;
    const { job } = this.#run;
    const haltsAt = this.#timeOf(this.#boundaryAfter(this.#flushAt));
    if (haltsAt >= up.toSeconds) return this.#end();
    this.#trainTo(haltsAt);
    const cutAt = up.toSeconds - options.handOverSeconds;
    const { step } = this.#line;
    const isNew = step !== this.#last.step;
    if (isNew) this.#standUntil(haltsAt + options.stallSeconds);
    const upload = isNew ? this.#emergencyUpload(step) : this.#upload;
    const overAt = upload === undefined ? haltsAt : Math.min(upload.doneAt, cutAt);
    if (upload !== undefined && upload.doneAt <= cutAt) this.#commit(upload);
    else if (upload !== undefined) this.#abort(upload, cutAt);
    this.#standUntil(Math.max(this.#line.atSeconds, overAt));
    this.#run.account.add('waiting', this.#line.atSeconds, up.toSeconds);
    this.#loseBehind(0);
    job.interrupted(Math.max(overAt, haltsAt), step);
  }

  /** One upload at a time: one under way ends first, by itself or by being given up. */
  #emergencyUpload(step: number): Upload {
    const { stateBytes } = this.#question.options;
    const snapshotAt = this.#line.atSeconds;
    const [older, flushSeconds] = [this.#upload, this.#flushSeconds];
    const line = lineFor(older, { snapshotAt, stateBytes, flushSeconds });
    if (older !== undefined && line.older === 'is given up') this.#abort(older, line.freeAt);
    else if (older !== undefined && older.doneAt <= this.#question.up.toSeconds) this.#commit(older);
    this.#upload = undefined;
    return { step, reason: 'notice', startedAt: snapshotAt, doneAt: line.freeAt + flushSeconds };
  }

  /** The machine is gone without a word, or the trace is over. */
  #end(): void {
    const { up, options } = this.#question;
    const steps = Math.max(0, Math.floor((up.toSeconds - this.#line.atSeconds) / options.stepSeconds + 1e-6));
    this.#trainTo(this.#timeOf(steps));
    const begun = up.toSeconds - this.#line.atSeconds;
    this.#run.account.add('training', this.#line.atSeconds, up.toSeconds);
    if (up.end === 'open') {
      this.#run.account.lose(Math.max(0, begun), this.#beganAt);
      this.#run.reachedStep = this.#line.step;
      return;
    }
    if (this.#upload !== undefined) this.#abort(this.#upload, up.toSeconds);
    const { step } = this.#line;
    this.#loseBehind(Math.max(0, begun));
    // A worker that was told hands over without an answer of its trainer.
    if (this.#flushAt < Number.POSITIVE_INFINITY) {
      this.#run.job.interrupted(up.toSeconds - options.handOverSeconds, step);
      return;
    }
    this.#run.claimableFromSeconds = up.toSeconds + options.silenceSeconds;
    this.#run.heardStep = heardStepOf(step, options);
  }

  /** Everything after the newest checkpoint has to be done again. `begun`: seconds of a step that was not finished. */
  #loseBehind(begun: number): void {
    const { job, counts, account } = this.#run;
    const durable = job.newest?.step ?? 0;
    const lostSteps = this.#line.step - durable;
    counts.lostSteps += lostSteps;
    account.lose(lostSteps * this.#question.options.stepSeconds + begun, this.#beganAt);
    this.#run.reachedStep = durable;
  }
}
