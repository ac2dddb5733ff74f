import { headline } from './headline.ts';
import type { TimelineEvent } from './timeline.ts';

/** One event in words, without its time. How a job failed takes several lines: the stack, or the list of differences. */
export function describeEvent(event: TimelineEvent): string {
  switch (event.kind) {
    case 'submitted':
      return `submitted as ${event.name}${originText(event.forkedFrom)}`;
    case 'claimed':
      if (event.instance.type === 'operator') return `claimed by ${event.instance.id}, not to train`;
      return `attempt ${event.attempt} began on ${event.instance.id} (${event.instance.type}, ${event.instance.zone})`;
    case 'silent-death':
      return `${event.instance.id} was lost without a word, last heard of at step ${event.step}`;
    case 'restored':
      return describeRestored(event);
    case 'checkpoints':
      return describeRun(event);
    case 'checkpoint':
      return describeCheckpoint(event);
    case 'released':
      return describeReleased(event);
    case 'strike':
      return `strike ${event.total} at step ${event.step} (${count(event.errors, 'error')} of the program): ${headline(event.message)}`;
    case 'strikes-cleared':
      return `${count(event.total, 'strike')} cleared`;
    case 'completed':
      return `completed at step ${event.step} (${event.reason}), result ${event.checkpoint}`;
    case 'failed':
      return `failed at step ${event.step} (${event.reason}): ${event.message}`;
    case 'paused':
    case 'cancelled':
      return `${event.kind} at step ${event.step}`;
    case 'requested':
      return `${event.by} asked to ${event.what}${event.detail === '' ? '' : ` (${event.detail})`}`;
    case 'noted':
      return `${event.what} ${event.detail}`;
    case 'ignored':
      return `ignored: ${event.why}`;
  }
}

function originText(origin: Extract<TimelineEvent, { kind: 'submitted' }>['forkedFrom']): string {
  return origin === null ? '' : `, a fork of ${origin.jobId} at step ${origin.step} (${origin.checkpoint})`;
}

/** The timeline as lines of text: time in UTC, then what happened. */
export function renderTimeline(events: readonly TimelineEvent[]): readonly string[] {
  return events.map((event) => `${utc(event.at)}  ${describeEvent(event)}`);
}

type EventOf<Kind extends TimelineEvent['kind']> = Extract<TimelineEvent, { kind: Kind }>;

function describeRestored(event: EventOf<'restored'>): string {
  const { checkpoint, step, lostSteps, bytes, elapsedMs, passedOver } = event;
  if (checkpoint === null) return 'started from the beginning';
  // Why is told by the `quarantined` before it.
  const skipped = passedOver.map(({ checkpoint: id }) => `; passed over ${id}`).join('');
  const lost = lostSteps === 0 ? 'nothing lost' : `${count(lostSteps, 'step')} to do again`;
  return `resumed at step ${step} from ${checkpoint} (${size(bytes)} in ${duration(elapsedMs)}), ${lost}${skipped}`;
}

function describeRun(event: EventOf<'checkpoints'>): string {
  const { fromStep, toStep, newBytes, dropped } = event;
  const steps = fromStep === toStep ? `step ${toStep}` : `steps ${fromStep} to ${toStep}`;
  const tidied = dropped === 0 ? '' : `, ${dropped} dropped`;
  return `${count(event.count, 'checkpoint')} committed at ${steps} (${size(newBytes)} new${tidied})`;
}

function describeCheckpoint(event: EventOf<'checkpoint'>): string {
  const { id, step, reason, newBytes, elapsedMs, noticeToDurableMs } = event;
  const speed =
    noticeToDurableMs === null
      ? `in ${duration(elapsedMs)}`
      : `durable ${duration(noticeToDurableMs)} after the notice`;
  return `checkpoint ${id} committed at step ${step} (${reason}, ${size(newBytes)} new, ${speed})`;
}

function describeReleased(event: EventOf<'released'>): string {
  const { cause, step, uncommittedSteps, message, notice } = event;
  const lost = uncommittedSteps === 0 ? '' : `, ${count(uncommittedSteps, 'step')} not in a checkpoint`;
  const why = notice ?? headline(message);
  return `attempt ended at step ${step} (${cause}${lost})${why === '' ? '' : `: ${why}`}`;
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

const utc = (at: string): string => `${at.slice(0, 10)} ${at.slice(11, 19)}Z`;

/** Decimal units, as the performance goals use them. */
function size(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} kB`;
  if (bytes < 1_000_000_000) return `${(bytes / 1_000_000).toFixed(1)} MB`;
  return `${(bytes / 1_000_000_000).toFixed(2)} GB`;
}

function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 60_000
    ? `${(ms / 1_000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}
