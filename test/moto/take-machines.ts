import { systemClock } from '../../lib/base/clock.ts';
import type { EntryKind, EntryOf, JournalEntry } from '../../lib/contract/journal-entry.ts';
import type { OpenClaim } from '../../lib/journal/job-state.ts';
import type { JobWatcher } from '../../proof/rehearsal/job-watcher.ts';
import type { Hypervisor } from './hypervisor.ts';

/** One loss of a machine, as the report tells it. */
export interface Loss {
  readonly job: string;
  readonly kind: 'notice' | 'kill' | 'scale-in';
  readonly instance: string;
  /** The last step that is known to have been done on the lost machine. */
  readonly step: number;
  readonly resumedFromStep: number;
  readonly lostSteps: number;
  /** From the loss, or the hand-over, until the next machine had the state back. */
  readonly resumeMs: number;
}

/**
 * Long enough for a hand-over through a bad line; so short that the worker does not train on until its end is near, where a
 * fast machine would have finished.
 */
const noticeMs = 12_000;

interface Stage {
  readonly watcher: JobWatcher;
  readonly hypervisor: Hypervisor;
}

/** Takes the machine of the running attempt away, waits until another one has the state back, and tells what it cost. */
export async function takeMachine(stage: Stage, kind: Loss['kind']): Promise<Loss> {
  const { watcher, hypervisor } = stage;
  const open = await attemptInTraining(watcher);
  const { id } = open.instance;
  let deadline: Promise<void> | undefined;
  if (kind === 'kill') await hypervisor.kill(id);
  else if (kind === 'scale-in') hypervisor.scaleIn(id);
  else deadline = hypervisor.interrupt(id, noticeMs);
  const lostAtMs = systemClock.now().getTime();
  const restored = await watcher.until('the next machine has the state back', ({ state }) =>
    state.claim !== null && state.claim.token > open.token ? state.claim.restored : undefined,
  );
  await deadline;
  const entries = await watcher.entries();
  const heard = entryOf(entries, 'claimed', (entry) => entry.sequence > open.token)?.heardStep;
  const released = entryOf(entries, 'released', (entry) => entry.claim === open.token);
  const next = entryOf(entries, 'restored', (entry) => (entry.claim ?? 0) > open.token);
  const step = released?.step ?? heard ?? restored.step;
  const fromMs = released === undefined ? lostAtMs : Date.parse(released.at);
  return {
    job: watcher.journal.jobId,
    kind,
    instance: id,
    step,
    resumedFromStep: restored.step,
    lostSteps: Math.max(0, step - restored.step),
    resumeMs: next === undefined ? 0 : Math.max(0, Date.parse(next.at) - fromMs),
  };
}

/** The open attempt, once its worker has reported a step of its own. */
async function attemptInTraining(watcher: JobWatcher): Promise<OpenClaim> {
  return watcher.until('an attempt trains', ({ state, heartbeat }) => {
    const { claim } = state;
    if (claim?.restored === undefined || heartbeat?.claim !== claim.token) return undefined;
    return heartbeat.phase === 'training' && heartbeat.step > claim.restored.step ? claim : undefined;
  });
}

function entryOf<Kind extends EntryKind>(
  entries: readonly JournalEntry[],
  kind: Kind,
  isMeant: (entry: EntryOf<Kind>) => boolean,
): EntryOf<Kind> | undefined {
  const isOne = (entry: JournalEntry): entry is EntryOf<Kind> =>
    entry.kind === kind && isMeant(entry as EntryOf<Kind>);
  return entries.find(isOne);
}
