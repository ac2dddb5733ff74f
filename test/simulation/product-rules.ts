/** Rules that only this world can check, since it knows what was trained and what was planned to fail. */
import { isDeepStrictEqual } from 'node:util';
import { openJournal } from '../../lib/journal/journal.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { chanceOf } from './chance.ts';
import type { JobRecord } from './invariants/job-record.ts';
import type { JobPlan } from './plan-history.ts';
import { filesAt } from './state-at.ts';
import type { SimulatedWorld } from './world.ts';

/** An entry as it lies in the store. */
export type Raw = Readonly<Record<string, unknown>>;

type Objects = ReadonlyMap<string, Uint8Array>;

interface RawManifest {
  readonly files: ReadonlyArray<{
    readonly path: string;
    readonly chunks: ReadonlyArray<{ readonly key: string; readonly bytes: number }>;
  }>;
}

/** What is committed for a step is what was trained until then, byte for byte: no slot was written too early, none taken for another. */
export function commitsWhatWasTrained(
  { objects, damaged }: { readonly objects: Objects; readonly damaged: ReadonlySet<string> },
  root: string,
  entry: Raw,
): string | undefined {
  const manifest = entry['manifest'] as { readonly key: string };
  const body = objects.get(manifest.key);
  if (body === undefined) return undefined;
  const { files } = JSON.parse(new TextDecoder().decode(body)) as RawManifest;
  const expected = filesAt(root, Number(entry['step']));
  const wrong = files.filter(({ path, chunks }) => {
    if (chunks.some(({ key }) => damaged.has(key))) return false;
    const bytes = Buffer.concat(chunks.map(({ key }) => objects.get(key) ?? new Uint8Array()));
    return Buffer.compare(bytes, expected.get(path) ?? new Uint8Array()) !== 0;
  });
  if (files.length !== expected.size) return `${String(entry['id'])} has ${files.length} files`;
  return wrong.length === 0
    ? undefined
    : `${String(entry['id'])} holds other bytes in ${wrong.map(({ path }) => path).join(', ')} than were trained`;
}

/** A job that is told to be complete has trained all its steps: its result is that of the last one. */
export function completesWithTheLastStep({ steps }: JobPlan, entry: Raw): string | undefined {
  return entry['kind'] !== 'completed' || entry['step'] === steps
    ? undefined
    : `completed at step ${String(entry['step'])} of ${steps}`;
}

/** What a commit drops is what the policy says, no more and no less: all but the last so many on the line that goes on. */
export function dropsWhatThePolicySays(
  record: JobRecord | undefined,
  { keepLast }: JobPlan,
  entry: Raw,
): string | undefined {
  if (entry['kind'] !== 'checkpoint' || record === undefined) return undefined;
  const drops = new Set(entry['drops'] as readonly string[]);
  const line = [String(entry['id']), ...record.candidates.map(({ id }) => id)];
  const wrong = line.slice(0, keepLast).filter((id) => drops.has(id));
  if (wrong.length > 0) return `dropped ${wrong.join(', ')} of the last ${keepLast}`;
  const held = new Set(record.held(Math.max(record.writtenMs, Date.parse(String(entry['at'])))));
  const left = line.slice(keepLast).filter((id) => !drops.has(id) && !held.has(id));
  return left.length === 0 ? undefined : `kept ${left.join(', ')} beyond the last ${keepLast}`;
}

/** An error of the user's program that shows itself again is not tried a third time. Counted at the least: any commit forgives. */
export function givesUpInTime(entries: readonly Raw[]): string | undefined {
  const last = entries.at(-1);
  if (last?.['kind'] !== 'restored') return undefined;
  const since = entries.findLastIndex(({ kind }) => kind === 'checkpoint' || kind === 'resume-requested');
  const errors = entries.slice(since + 1).filter(({ cause }) => cause === 'error').length;
  return errors < errorsMax ? undefined : `an attempt began after ${errors} errors without progress`;
}

/** Steps of an attempt that ends at its leisure are saved: nothing is lost by a pause, nor by a notice that leaves the time. */
export function endsWhereItStood(
  entries: readonly Raw[],
  { stepMs }: JobPlan,
  isAtLeisure: (by: string) => boolean,
): string | undefined {
  const last = entries.at(-1);
  const hasTime =
    last?.['kind'] === 'paused' ||
    (last?.['kind'] === 'released' && last['cause'] === 'interrupted' && stepMs <= stepMsOfANotice);
  if (!hasTime) return undefined;
  const own = entries.slice(entries.findLastIndex(({ kind }) => kind === 'claimed'));
  const saved = own.findLast(({ kind }) => kind === 'restored' || kind === 'checkpoint');
  if (saved === undefined || Number(last['step']) <= Number(saved['step'])) return undefined;
  if (!isAtLeisure(ownerOf(own))) return undefined;
  return `${String(last['kind'])} at step ${String(last['step'])}, and step ${String(saved['step'])} is saved`;
}

/** Two minutes leave the time for steps of this length and a save. */
const stepMsOfANotice = 25_000;

/** An owner to whom nothing happens sees within seconds what it is asked, and stops at the next step. */
export function doesWhatItIsAsked(
  entries: readonly Raw[],
  { stepMs }: JobPlan,
  isAtLeisure: (by: string) => boolean,
): string | undefined {
  const last = entries.at(-1);
  if (last?.['kind'] !== 'checkpoint' || last['reason'] !== 'policy') return undefined;
  const since = entries.findLastIndex(({ kind }) => kind === 'resume-requested' || kind === 'paused') + 1;
  const asked = entries.findIndex(
    ({ kind }, index) => index >= since && (kind === 'pause-requested' || kind === 'cancel-requested'),
  );
  if (asked === -1) return undefined;
  const claimed = entries.findLastIndex(({ kind }) => kind === 'claimed');
  const fromMs = Date.parse(String(entries[Math.max(asked, claimed)]?.['at']));
  const lateMs = Date.parse(String(last['at'])) - fromMs - obeysWithinMs - 3 * stepMs;
  if (lateMs <= 0 || !isAtLeisure(ownerOf(entries.slice(claimed)))) return undefined;
  return `a save by policy ${Math.round(lateMs / 1_000)} s after the job should have stopped on request`;
}

/** Two looks at the journal, slow requests, and a save that is on its way. */
const obeysWithinMs = 120_000;

function ownerOf([claimed]: readonly Raw[]): string {
  return (claimed?.['instance'] as { readonly id: string } | undefined)?.id ?? '';
}

/** Failures of the user's code, and failures of any kind, that the design forgives in a row without progress. */
const errorsMax = 2;
const strikesMax = 5;

/** A job fails for a reason that its history shows: so many attempts without progress, or damage that was done to it. */
export function failsForGoodReason(entries: readonly Raw[], isDamaged: boolean): string | undefined {
  const failed = entries.at(-1);
  if (failed?.['kind'] !== 'failed') return undefined;
  const reason = String(failed['reason']);
  const { errors, strikes } = countStrikes(entries);
  if (reason === 'user-error' && errors >= errorsMax) return undefined;
  if (reason === 'strikes' && strikes >= strikesMax) return undefined;
  if (reason === 'rejected' && isDamaged) return undefined;
  return `failed for ${reason} after ${errors} errors and ${strikes} strikes: ${String(failed['message']).split('\n')[0]}`;
}

/** At most so many: one machine's failures are counted each time, which is generous. */
function countStrikes(entries: readonly Raw[]): { readonly errors: number; readonly strikes: number } {
  let [errors, strikes, struckStep, isOpen] = [0, 0, 0, false];
  for (const entry of entries) {
    const step = Number(entry['step'] ?? 0);
    switch (entry['kind']) {
      case 'claimed':
        if (isOpen) strikes += 1;
        if (isOpen) struckStep = Math.max(struckStep, Number(entry['heardStep'] ?? 0));
        isOpen = true;
        break;
      case 'released':
        isOpen = false;
        if (!['error', 'infrastructure', 'hung'].includes(String(entry['cause']))) break;
        errors += entry['cause'] === 'error' ? 1 : 0;
        strikes += 1;
        struckStep = Math.max(struckStep, step);
        break;
      case 'checkpoint':
        if (step > struckStep) [errors, strikes] = [0, 0];
        break;
      case 'resume-requested':
        [errors, strikes, struckStep] = [0, 0, 0];
        break;
      case 'paused':
      case 'failed':
      case 'completed':
      case 'cancelled':
        isOpen = false;
    }
  }
  return { errors, strikes };
}

/** Whoever comes late reads the same by the hint as without it, and nothing in the journal is void. */
export async function journalsReadTheSame(world: SimulatedWorld): Promise<string | undefined> {
  const clock = { now: () => new Date(0), monotonicMs: () => 0, sleep: () => Promise.resolve() };
  const ports = { store: world.store, clock, random: chanceOf(0, 'late reader') };
  for (const jobId of world.inspector.records.keys()) {
    const byHint = (await openJournal(ports, jobId)).state;
    await world.store.damage(objectKeys.stateHint(jobId), undefined);
    const { state } = await openJournal(ports, jobId);
    if (!isDeepStrictEqual(byHint, state)) return `${jobId} reads differently by its hint`;
    if (state.ignored.count > 0) return `${jobId} has void entries: ${JSON.stringify(state.ignored.last)}`;
  }
  return undefined;
}
