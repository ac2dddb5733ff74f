import type { SaveCosts } from '../checkpoint/adaptive-interval.ts';
import { requestsOfSave } from '../checkpoint/adaptive-interval.ts';
import { interruptionRisk } from '../checkpoint/interruption-risk.ts';
import { FlushEstimate, flushDueInMs } from '../checkpoint/notice-budget.ts';
import { type SavePolicy, savePolicyFrom } from '../checkpoint/policy.ts';
import { type Line, nextSave } from './next-save.ts';
import { Rhythm } from './rhythm.ts';
import type { AttemptQuestion, SlotRun } from './slot-run.ts';
import { chunksOf, flushSecondsOf } from './simulation-options.ts';

/** Between two heartbeats: what a machine that falls silent has told at the latest. */
const heartbeatSeconds = 30;
/** Into staging, by the threads that write; an older upload may end in this time. */
const stagingBytesPerSecond = 3.3e9;
/** An upload with less than this share left is finished, else superseded by the emergency's: as the worker decides. */
const almostFinishedShare = 0.5;

interface Upload {
  readonly step: number;
  readonly reason: 'policy' | 'notice';
  readonly startedAt: number;
  readonly doneAt: number;
}

/** Steps, saves and the end. Whatever comes next in time is done next. */
export class Training {
  readonly #run: SlotRun;
  readonly #question: AttemptQuestion;
  readonly #policy: SavePolicy;
  readonly #estimate = new FlushEstimate();
  readonly #flushSeconds: number;
  readonly #beganAt: number;
  #noticeAt: number;
  #flushAt = Number.POSITIVE_INFINITY;
  #line: Line;
  #last: Line;
  #costs: SaveCosts | undefined;
  #upload: Upload | undefined;
  /** Since then nothing has been under way. */
  #idleSince = 0;
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
      const next = Math.min(dueAt, uploadedAt, this.#noticeAt, this.#flushAt, up.toSeconds);
      if (next === up.toSeconds) return this.#end();
      if (next === uploadedAt) this.#uploaded();
      else if (next === this.#noticeAt) this.#noticed();
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
    const { up, options, strategy } = this.#question;
    const boundary = nextSave({
      policy: this.#policy,
      line: this.#line,
      stepSeconds: options.stepSeconds,
      last: this.#last,
      costs: this.#costs,
      firstBoundary: this.#boundaryAfter(this.#idleSince),
      lastBoundary: Math.floor((up.toSeconds - this.#line.atSeconds) / options.stepSeconds),
      everySteps: strategy.save.everySteps,
    });
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
    this.#upload = undefined;
    this.#idleSince = skipped.doneAt;
  }

  /**
   * Policies look at differences of time and steps only. So where two cycles of training and saving were alike, all that
   * follow until something else happens will be, and are booked at once: continuous saving makes millions of them.
   * @returns the upload that ends the last of them
   */
  #skipCycles(upload: Upload): Upload {
    const rhythm =
      this.#question.strategy.save.everySteps === undefined ? this.#rhythm.after(this.#line) : undefined;
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
    const later = cycles * rhythm.seconds;
    const farther = cycles * rhythm.steps;
    const moved = ({ atSeconds, step }: Line): Line => ({
      atSeconds: atSeconds + later,
      step: step + farther,
    });
    this.#line = moved(this.#line);
    this.#last = moved(this.#last);
    this.#rhythm.forget();
    return {
      ...upload,
      step: upload.step + farther,
      startedAt: upload.startedAt + later,
      doneAt: upload.doneAt + later,
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
    const { up, strategy, options } = this.#question;
    const dueInMs =
      strategy.onNotice === 'stop'
        ? 0
        : flushDueInMs({
            remainingMs: (up.toSeconds - this.#noticeAt) * 1_000,
            flushMs: this.#estimate.flushMs,
            longestGapMs: options.stepSeconds * 1_000,
          });
    this.#flushAt = this.#noticeAt + dueInMs / 1_000;
    this.#noticeAt = Number.POSITIVE_INFINITY;
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
    const { options } = this.#question;
    const snapshotAt = this.#line.atSeconds;
    const older = this.#upload;
    let freeAt = snapshotAt;
    if (older !== undefined) {
      const stagedAt = snapshotAt + options.stateBytes / stagingBytesPerSecond;
      const leftThen = (older.doneAt - stagedAt) / this.#flushSeconds;
      if (leftThen <= almostFinishedShare) {
        freeAt = Math.max(snapshotAt, older.doneAt);
        if (older.doneAt <= this.#question.up.toSeconds) this.#commit(older);
      } else {
        freeAt = stagedAt;
        this.#abort(older, stagedAt);
      }
    }
    this.#upload = undefined;
    return { step, reason: 'notice', startedAt: snapshotAt, doneAt: freeAt + this.#flushSeconds };
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
    this.#run.heardStep = Math.max(
      0,
      this.#line.step - Math.floor(heartbeatSeconds / 2 / options.stepSeconds),
    );
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
