import { defined } from '../../lib/base/assert.ts';
import type { EntryKind, EntryOf, JournalEntry } from '../../lib/contract/journal-entry.ts';
import { parseCheckpointId } from '../../lib/contract/object-keys.ts';
import type { OpenClaim } from '../../lib/journal/job-state.ts';
import type { SpotMarket } from '../../local/spot-market.ts';
import type { JobWatcher } from '../../proof/rehearsal/job-watcher.ts';

/** One loss of a machine, as the demo reports it. */
export interface Interruption {
  readonly kind: 'notice' | 'kill';
  readonly at: 'mid-epoch' | 'between-checkpoints' | 'during-upload';
  /** The last step that is known to have been done on the lost machine. */
  readonly step: number;
  readonly resumedFromStep: number;
  readonly lostSteps: number;
  /** From the notice to the commit of its checkpoint; null without a notice. */
  readonly noticeToDurableMs: number | null;
  /** From the loss (the kill, or the hand-over) until the next machine had the state back. */
  readonly resumeMs: number;
}

export interface Stage {
  readonly watcher: JobWatcher;
  readonly market: SpotMarket;
  readonly now: () => number;
  readonly tell: (event: string) => void;
}

/** What is known of a machine at its end. */
interface Loss {
  readonly claim: number;
  readonly step: number;
  readonly atMs: number;
  readonly noticeToDurableMs: number | null;
}

/** Takes three machines away from a running job, each in another way, and reports what each cost. */
export async function takeThreeMachines(stage: Stage): Promise<readonly Interruption[]> {
  const first = await interruptInMidEpoch(stage);
  const second = await killBetweenCheckpoints(stage);
  const third = await killDuringUpload(stage);
  return [first, second, third];
}

/** A Spot interruption notice: the worker learns of it over HTTP, saves, hands over; the plug is pulled at the deadline. */
async function interruptInMidEpoch(stage: Stage): Promise<Interruption> {
  const { watcher, market, tell } = stage;
  const open = await attemptInTraining(stage);
  market.interrupt(open.instance.id);
  tell(`Spot interruption notice to ${open.instance.id}`);
  await watcher.until('the job is handed over', ({ state }) =>
    state.claim?.token === open.token ? undefined : true,
  );
  const entry = await entryOf(watcher, open.token, 'released');
  const commit = await entryOf(watcher, open.token, 'checkpoint');
  tell(`the checkpoint of step ${commit.step} is durable, and the job is handed over`);
  return resumed(
    stage,
    { kind: 'notice', at: 'mid-epoch' },
    {
      claim: open.token,
      step: entry.step,
      atMs: Date.parse(entry.at),
      noticeToDurableMs: Math.round(defined(commit.noticeToDurableMs, 'the time since the notice is kept')),
    },
  );
}

/** SIGKILL of everything on the machine, while no checkpoint is on its way. */
async function killBetweenCheckpoints(stage: Stage): Promise<Interruption> {
  const { watcher, market, tell } = stage;
  const open = await attemptInTraining(stage);
  const step = await watcher.until('the worker trains beyond a checkpoint', ({ state, heartbeat }) => {
    const newest = state.checkpoints.findLast(({ claim }) => claim === open.token);
    const isBeyond = newest !== undefined && heartbeat?.claim === open.token && heartbeat.step > newest.step;
    return isBeyond ? heartbeat.step : undefined;
  });
  await market.kill(open.instance.id);
  const atMs = stage.now();
  tell(`${open.instance.id} was killed without notice, at step ${step} or later`);
  return resumed(
    stage,
    { kind: 'kill', at: 'between-checkpoints' },
    { claim: open.token, step, atMs, noticeToDurableMs: null },
  );
}

/** SIGKILL of everything on the machine, after the first chunk of a checkpoint and before its journal entry. */
async function killDuringUpload(stage: Stage): Promise<Interruption> {
  const { watcher, market, tell } = stage;
  const open = await attemptInTraining(stage);
  const id = await watcher.untilUploading(open.token);
  await market.kill(open.instance.id);
  const atMs = stage.now();
  const { state, heartbeat } = await watcher.look();
  if (state.checkpoints.some((record) => record.id === id)) {
    // The commit was faster than the kill: that machine is lost all the same, so the next one is waited for.
    await nextAttempt(stage, open.token);
    return killDuringUpload(stage);
  }
  const step = Math.max(parseCheckpointId(id)?.step ?? 0, heartbeat?.step ?? 0);
  tell(`${open.instance.id} was killed while checkpoint ${id} was being uploaded`);
  return resumed(
    stage,
    { kind: 'kill', at: 'during-upload' },
    { claim: open.token, step, atMs, noticeToDurableMs: null },
  );
}

/** The open attempt, once its worker has reported a step of its own. */
async function attemptInTraining({ watcher, tell }: Stage): Promise<OpenClaim> {
  const open = await watcher.until('an attempt trains', ({ state, heartbeat }) => {
    const { claim } = state;
    if (claim?.restored === undefined || heartbeat?.claim !== claim.token) return undefined;
    return heartbeat.phase === 'training' && heartbeat.step > claim.restored.step ? claim : undefined;
  });
  tell(`${open.instance.id} trains on from step ${open.restored?.step ?? 0}`);
  return open;
}

async function resumed(
  { watcher }: Stage,
  what: Pick<Interruption, 'kind' | 'at'>,
  loss: Loss,
): Promise<Interruption> {
  await nextAttempt({ watcher }, loss.claim);
  const restored = await entryOf(
    watcher,
    defined(watcher.journal.state.claim, 'an attempt is open').token,
    'restored',
  );
  return {
    ...what,
    step: loss.step,
    resumedFromStep: restored.step,
    lostSteps: Math.max(0, loss.step - restored.step),
    noticeToDurableMs: loss.noticeToDurableMs,
    resumeMs: Math.max(0, Date.parse(restored.at) - loss.atMs),
  };
}

async function nextAttempt({ watcher }: Pick<Stage, 'watcher'>, after: number): Promise<void> {
  await watcher.until('the next machine has the state back', ({ state }) =>
    state.claim !== null && state.claim.token > after && state.claim.restored !== undefined
      ? true
      : undefined,
  );
}

/** The last entry of this kind that a claim wrote. */
async function entryOf<Kind extends EntryKind>(
  watcher: JobWatcher,
  claim: number,
  kind: Kind,
): Promise<EntryOf<Kind>> {
  const isWanted = (entry: JournalEntry): entry is EntryOf<Kind> =>
    entry.kind === kind && entry.claim === claim;
  return defined(
    (await watcher.entries()).filter(isWanted).at(-1),
    `claim ${claim} has an entry \`${kind}\``,
  );
}
