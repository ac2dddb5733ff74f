/** Rules that only this world can check, since it knows what was trained and what was planned to fail. */
import { isDeepStrictEqual } from 'node:util';
import { openJournal } from '../../lib/journal/journal.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { chanceOf } from './chance.ts';
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
