import { formatBytes } from '../base/format-bytes.ts';
import { flushDueInMs } from './notice-budget.ts';

/** What EC2 gives before it takes a Spot instance, on a best-effort basis. */
const noticeMs = 120_000;
/** Entry, ticket and exit after the last byte. */
const handOverMs = 2_000;

export interface FlushFacts {
  /** Expected time from the request of a checkpoint to its commit. */
  readonly flushMs: number;
  /** Raw bytes of the checkpoint. */
  readonly bytes: number;
  /** Longest recent time between two points at which the trainer answers. */
  readonly longestGapMs: number;
}

/** In words, how long an emergency checkpoint will take and whether the two minutes of a Spot interruption notice suffice. */
export function flushOutlook({ flushMs, bytes, longestGapMs }: FlushFacts): string {
  const flush = `an emergency checkpoint of ${formatBytes(bytes)} takes about ${secondsOf(flushMs)} s`;
  const trainOnMs = flushDueInMs({ remainingMs: noticeMs, flushMs, longestGapMs });
  if (trainOnMs > 0)
    return `${flush}: two minutes of notice suffice, and training goes on for the first ${secondsOf(trainOnMs)} s of them`;
  if (flushMs + longestGapMs + handOverMs <= noticeMs)
    return `${flush}: two minutes of notice just suffice, so that it is taken as soon as one comes`;
  return (
    `${flush}: two minutes of notice do NOT suffice, and a lost machine costs the steps since the last checkpoint. ` +
    'Save more often, leave out what can be made again, or take a type with a faster network'
  );
}

function secondsOf(ms: number): string {
  const seconds = ms / 1_000;
  return seconds >= 10 ? String(Math.round(seconds)) : String(Number(seconds.toPrecision(2)));
}
