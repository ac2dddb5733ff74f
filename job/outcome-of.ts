import { AccessDeniedError, messageOf, remedyOf, UnknownFormatError } from '../lib/base/errors.ts';
import type { TrainerMessage } from '../lib/contract/trainer-messages.ts';
import type { StopNotice } from '../lib/interruption/notice.ts';
import type { Outcome } from './attempt.ts';
import type { RequestAnswer } from './checkpoint-answers.ts';
import type { TrainerExit } from './trainer/trainer.ts';

/** What a trainer's own report of failure means for the attempt. */
export function outcomeOfFailure({ error }: Extract<TrainerMessage, { kind: 'failed' }>): Outcome {
  const message = [error.stack ?? error.message, ...(error.hint === undefined ? [] : [error.hint])].join(
    '\n',
  );
  switch (error.cause) {
    case 'user':
      return { kind: 'error', message };
    case 'non-finite-loss':
    case 'incompatible':
      return { kind: 'failed', reason: error.cause, message };
    case 'infrastructure':
      return { kind: 'infrastructure', message };
  }
}

/** What became of the result that the trainer declared. */
export function outcomeOfDone(
  answer: RequestAnswer,
  done: Extract<TrainerMessage, { kind: 'done' }> | undefined,
): Outcome {
  if (answer.outcome === 'given-up')
    return { kind: 'infrastructure', message: `the final checkpoint was not committed: ${answer.why}` };
  const { reason = '', metrics = {} } = done ?? {};
  return { kind: 'completed', record: answer.record, reason, metrics };
}

/** What an end without a word means: the trainer was killed, or crashed natively. */
export function outcomeOfExit({ code, signal }: TrainerExit, lastWords: readonly string[]): Outcome {
  const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
  const tail = lastWords.length === 0 ? '' : `; its last words:\n${lastWords.join('\n')}`;
  return { kind: 'infrastructure', message: `the trainer ${how} without saying why${tail}` };
}

/** What an error of ours means for the attempt. */
export function outcomeOfError(error: unknown): Outcome {
  if (error instanceof UnknownFormatError) return { kind: 'handover', why: error.message, later: true };
  // The job's own store refuses this machine: that says nothing about the job, and another machine may fare better.
  if (error instanceof AccessDeniedError) return { kind: 'infrastructure', message: withHint(error) };
  switch (remedyOf(error)) {
    case 'yield':
      return { kind: 'fenced', message: messageOf(error) };
    case 'reject':
    case 'fall-back':
      return { kind: 'failed', reason: 'rejected', message: messageOf(error) };
    case 'retry':
    case 'crash':
      return {
        kind: 'infrastructure',
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      };
  }
}

const withHint = ({ message, hint }: AccessDeniedError): string =>
  hint === undefined ? message : `${message}\n${hint}`;

/** A notice in words, for the journal. */
export function describeNotice(notice: StopNotice): string {
  switch (notice.kind) {
    case 'spot-interruption':
      return `Spot interruption notice (${notice.action})`;
    case 'target-lifecycle-state':
      return 'Auto Scaling terminates the instance';
    case 'scheduled-maintenance':
      return `scheduled maintenance (${notice.code})`;
    case 'process-signal':
      return `the worker was stopped (${notice.signal})`;
  }
}
