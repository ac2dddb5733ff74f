/** What happened to a job and why, for people: pure data from the journal. `describeEvent` puts it into words. */
import type { EntryOf, Instance, JournalEntry, ReleaseCause } from '../contract/journal-entry.ts';
import type { SaveReason } from '../contract/manifest.ts';
import { foldEntry, initialState } from '../journal/fold.ts';
import type { JobState } from '../journal/job-state.ts';

interface EventFacts {
  submitted: {
    readonly name: string;
    readonly store: string;
    /** The checkpoint of another job that this one begins with; null for one that begins afresh. */
    readonly forkedFrom: JobState['forkedFrom'];
  };
  /** `attempt` counts from 1. */
  claimed: {
    readonly claim: number;
    readonly attempt: number;
    readonly instance: Instance;
    readonly ticket: string;
  };
  /** Noticed when the next attempt began; `step` is the last one that the journal knows of. */
  'silent-death': { readonly claim: number; readonly instance: Instance; readonly step: number };
  restored: {
    readonly claim: number;
    /** Null for a fresh start. */
    readonly checkpoint: string | null;
    readonly step: number;
    /** Steps that have to be done again. */
    readonly lostSteps: number;
    readonly bytes: number;
    readonly elapsedMs: number;
    readonly passedOver: ReadonlyArray<{ readonly checkpoint: string; readonly why: string }>;
  };
  /** Commits by policy with nothing between them. */
  checkpoints: {
    readonly claim: number;
    readonly count: number;
    readonly since: string;
    readonly fromStep: number;
    readonly toStep: number;
    readonly newBytes: number;
    readonly dropped: number;
  };
  /** A commit that had an occasion: a notice, a pause, the end. */
  checkpoint: {
    readonly claim: number;
    readonly id: string;
    readonly step: number;
    readonly reason: SaveReason;
    readonly bytes: number;
    readonly newBytes: number;
    readonly elapsedMs: number;
    /** From the interruption notice until it was durable; null without a notice. */
    readonly noticeToDurableMs: number | null;
  };
  released: {
    readonly claim: number;
    readonly cause: ReleaseCause;
    readonly step: number;
    /** Steps of this attempt that no checkpoint holds. */
    readonly uncommittedSteps: number;
    readonly message: string;
    readonly notice: string | null;
  };
  strike: {
    readonly errors: number;
    readonly total: number;
    readonly step: number;
    readonly message: string;
  };
  'strikes-cleared': { readonly total: number };
  completed: { readonly checkpoint: string; readonly step: number; readonly reason: string };
  failed: { readonly step: number; readonly reason: string; readonly message: string };
  paused: { readonly step: number };
  cancelled: { readonly step: number };
  requested: {
    readonly what: 'pause' | 'resume' | 'cancel' | 'prune';
    readonly by: string;
    readonly detail: string;
  };
  noted: {
    readonly what:
      | 'pinned'
      | 'unpinned'
      | 'pruned'
      | 'quarantined'
      | 'quarantine-lifted'
      | 'forked'
      | 'ticketed';
    readonly detail: string;
  };
  /** An entry that means nothing, as one of an attempt that was fenced. */
  ignored: { readonly entry: JournalEntry['kind']; readonly why: string };
}

/** `sequence` is the slot that tells of it, `at` its time, never going back. */
export type TimelineEvent = {
  [Kind in keyof EventFacts]: {
    readonly kind: Kind;
    readonly sequence: number;
    readonly at: string;
  } & EventFacts[Kind];
}[keyof EventFacts];

type Told = { [Kind in keyof EventFacts]: { readonly kind: Kind } & EventFacts[Kind] }[keyof EventFacts];

/** The events of a whole journal, slot 1 first, oldest first. */
export function timeline(entries: Iterable<JournalEntry>): readonly TimelineEvent[] {
  const events: TimelineEvent[] = [];
  let before = initialState('');
  for (const entry of entries) {
    const after = foldEntry(before, entry);
    const stamp = { sequence: entry.sequence, at: after.updatedAt ?? entry.at };
    for (const told of tell(entry, before, after)) {
      const event = { ...told, ...stamp };
      const merged = mergedRun(events.at(-1), event);
      if (merged !== undefined) events.pop();
      events.push(merged ?? event);
    }
    before = after;
  }
  return events;
}

/** Routine commits of one attempt in a row read as one event. */
function mergedRun(last: TimelineEvent | undefined, event: TimelineEvent): TimelineEvent | undefined {
  if (last?.kind !== 'checkpoints' || event.kind !== 'checkpoints' || last.claim !== event.claim)
    return undefined;
  return {
    ...event,
    since: last.since,
    fromStep: last.fromStep,
    count: last.count + event.count,
    newBytes: last.newBytes + event.newBytes,
    dropped: last.dropped + event.dropped,
  };
}

function tell(entry: JournalEntry, before: JobState, after: JobState): readonly Told[] {
  if (after.ignored.count > before.ignored.count) {
    return [{ kind: 'ignored', entry: entry.kind, why: after.ignored.last.at(-1)?.why ?? '' }];
  }
  return [
    ...deathBefore(entry, before, after),
    ...tellFacts(entry, before, after),
    ...strikesAfter(entry, before, after),
  ];
}

function deathBefore(entry: JournalEntry, before: JobState, after: JobState): readonly Told[] {
  if (entry.kind !== 'claimed' || before.claim === null) return [];
  if (after.totals.silentDeaths === before.totals.silentDeaths) return [];
  const { token, instance, step = 0 } = before.claim;
  const death: Told = {
    kind: 'silent-death',
    claim: token,
    instance,
    step: Math.max(step, entry.heardStep ?? 0),
  };
  return [death, strikeOf(after)];
}

function strikesAfter(entry: JournalEntry, before: JobState, after: JobState): readonly Told[] {
  if (entry.kind === 'released' && after.strikes.total > before.strikes.total) return [strikeOf(after)];
  return before.strikes.total > 0 && after.strikes.total === 0
    ? [{ kind: 'strikes-cleared', total: before.strikes.total }]
    : [];
}

function strikeOf({ strikes }: JobState): Told {
  const { errors, total, step, lastMessage } = strikes;
  return { kind: 'strike', errors, total, step, message: lastMessage ?? '' };
}

function tellFacts(entry: JournalEntry, before: JobState, after: JobState): readonly Told[] {
  switch (entry.kind) {
    case 'submitted':
      return [
        {
          kind: 'submitted',
          name: entry.name,
          store: entry.store,
          forkedFrom: entry.forkedFrom ?? null,
        },
      ];
    case 'claimed': {
      const { sequence: claim, instance, ticket } = entry;
      return [{ kind: 'claimed', claim, attempt: after.totals.claims, instance, ticket }];
    }
    case 'restored': {
      const { checkpoint, step, bytes, elapsedMs, passedOver } = entry;
      const lostSteps = after.totals.lostSteps - before.totals.lostSteps;
      return [
        {
          kind: 'restored',
          claim: after.newestClaim,
          checkpoint,
          step,
          lostSteps,
          bytes,
          elapsedMs,
          passedOver,
        },
      ];
    }
    case 'checkpoint':
      return [tellCheckpoint(entry, before, after)];
    case 'released':
      return [tellReleased(entry, before)];
    case 'completed':
      return [{ kind: 'completed', checkpoint: entry.checkpoint, step: entry.step, reason: entry.reason }];
    case 'failed':
      return [{ kind: 'failed', step: entry.step, reason: entry.reason, message: entry.message }];
    case 'paused':
    case 'cancelled':
      return [{ kind: entry.kind, step: entry.step }];
    case 'pause-requested':
      return [{ kind: 'requested', what: 'pause', by: entry.by, detail: '' }];
    case 'cancel-requested':
      return [{ kind: 'requested', what: 'cancel', by: entry.by, detail: '' }];
    case 'prune-requested':
      return [{ kind: 'requested', what: 'prune', by: entry.by, detail: entry.checkpoints.join(', ') }];
    case 'resume-requested':
      return [{ kind: 'requested', what: 'resume', by: entry.by, detail: resumeDetail(entry) }];
    case 'pinned':
    case 'unpinned':
      return [{ kind: 'noted', what: entry.kind, detail: entry.checkpoint }];
    case 'pruned':
      return [{ kind: 'noted', what: 'pruned', detail: entry.checkpoints.join(', ') }];
    case 'quarantine-lifted':
      return [{ kind: 'noted', what: 'quarantine-lifted', detail: `${entry.checkpoint}, by ${entry.by}` }];
    case 'quarantined':
      return [{ kind: 'noted', what: 'quarantined', detail: `${entry.checkpoint}: ${entry.why}` }];
    case 'forked':
      return [{ kind: 'noted', what: 'forked', detail: `${entry.checkpoint} into ${entry.child}` }];
    case 'ticketed':
      return [{ kind: 'noted', what: 'ticketed', detail: `by ${entry.by}` }];
  }
}

const routine: ReadonlySet<SaveReason> = new Set<SaveReason>(['policy', 'evaluation', 'program']);

function tellCheckpoint(entry: EntryOf<'checkpoint'>, before: JobState, after: JobState): Told {
  const { id, step, reason, bytes, newBytes, elapsedMs, noticeToDurableMs = null } = entry;
  const claim = after.newestClaim;
  if (!routine.has(reason) || noticeToDurableMs !== null) {
    return { kind: 'checkpoint', claim, id, step, reason, bytes, newBytes, elapsedMs, noticeToDurableMs };
  }
  const dropped = before.checkpoints.length + 1 - after.checkpoints.length;
  const since = after.updatedAt ?? entry.at;
  return { kind: 'checkpoints', claim, count: 1, since, fromStep: step, toStep: step, newBytes, dropped };
}

function tellReleased(entry: EntryOf<'released'>, before: JobState): Told {
  const { cause, step, message, notice = null } = entry;
  return {
    kind: 'released',
    claim: before.newestClaim,
    cause,
    step,
    uncommittedSteps: Math.max(0, step - (before.claim?.step ?? step)),
    message,
    notice,
  };
}

function resumeDetail({ from, spec }: EntryOf<'resume-requested'>): string {
  return [
    ...(from === undefined ? [] : [`from ${from}`]),
    ...(spec === undefined ? [] : ['with a revised spec']),
  ].join(', ');
}
