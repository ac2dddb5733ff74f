import { seededRandom } from '../../../lib/base/random.ts';
import type { EntryFacts } from '../../../lib/contract/journal-entry.ts';
import { type Claim, claimJob } from '../../../lib/journal/claim.ts';
import { type Journal, openJournal } from '../../../lib/journal/journal.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { quickClock } from './files.ts';

export const jobId = 'job-1';

let opened = 0;

/** The real journal, as one more process opens it. */
export async function openJob(store: ObjectStore): Promise<Journal> {
  return openJournal({ store, clock: quickClock(), random: seededRandom(++opened) }, jobId);
}

export async function submitJob(store: ObjectStore): Promise<void> {
  const journal = await openJob(store);
  const spec = { key: `jobs/${jobId}/spec-1.json`, sha256: '0'.repeat(64) };
  await journal.append(() => ({ kind: 'submitted', spec, name: jobId, store: store.uri, claim: null }));
}

/** A claim in a process of its own. Whoever held the job before is a zombie from now on. */
export async function takeOver(store: ObjectStore): Promise<Claim> {
  const result = await claimJob(await openJob(store), {
    ticket: 'ticket-1',
    instance: { id: `i-${opened}`, type: 'g5.xlarge', zone: 'eu-west-1a' },
    isLive: async () => false,
  });
  if (result.outcome !== 'claimed') throw new Error(`not claimed but ${result.outcome}`);
  return result.claim;
}

/** An operator appends from a process of its own. */
export async function operator(store: ObjectStore, facts: EntryFacts): Promise<void> {
  const journal = await openJob(store);
  await journal.append(() => ({ ...facts, claim: null }));
}
