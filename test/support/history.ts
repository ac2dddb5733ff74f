import type { JournalEntry } from '../../lib/contract/journal-entry.ts';
import { journalEntrySchema } from '../../lib/contract/journal-entry.ts';
import { checkpointIdOf } from '../../lib/contract/object-keys.ts';

const sha256 = 'ab'.repeat(32);

/** What a test says about an entry; the rest is filled in. `claim` is the newest unless given. */
export interface Happening {
  readonly kind: JournalEntry['kind'];
  readonly step?: number;
  readonly claim?: number;
  readonly [fact: string]: unknown;
}

/** A journal in memory: slots, times a minute apart, claims and ordinals follow from the order. */
export function historyOf(happenings: readonly Happening[]): JournalEntry[] {
  let newest: number | null = null;
  let ordinal = 0;
  return happenings.map((happening, index) => {
    const sequence = index + 1;
    if (happening.kind === 'claimed') {
      newest = sequence;
      ordinal = 0;
    }
    if (happening.kind === 'checkpoint') ordinal++;
    const step = happening.step ?? 0;
    const checkpoint = checkpointIdOf({ claim: newest ?? 1, ordinal: Math.max(1, ordinal), step });
    const operator = /-requested$|^(submitted|pinned|unpinned|ticketed)$/.test(happening.kind);
    return journalEntrySchema.parse({
      format: 1,
      sequence,
      nonce: `nonce-${String(sequence).padStart(4, '0')}`,
      at: new Date(Date.UTC(2030, 0, 1, 0, sequence)).toISOString(),
      claim: operator ? null : newest,
      ...defaults(happening.kind, { step, checkpoint, ordinal }),
      ...happening,
    });
  });
}

function defaults(
  kind: JournalEntry['kind'],
  {
    step,
    checkpoint,
    ordinal,
  }: { readonly step: number; readonly checkpoint: string; readonly ordinal: number },
): object {
  switch (kind) {
    case 'submitted':
      return { spec: { key: 'jobs/job/spec-1.json', sha256 }, name: 'job', store: 'memory:store' };
    case 'claimed':
      return { ticket: 'ticket', instance: { id: 'i-1', type: 'local', zone: 'local-a' } };
    case 'restored':
      return { checkpoint: null, step, bytes: 0, elapsedMs: 1 };
    case 'checkpoint':
      return {
        id: checkpoint,
        ordinal,
        manifest: { key: `jobs/job/checkpoints/${checkpoint}/manifest.json`, sha256 },
        step,
        epoch: 0,
        example: 0,
        reason: 'policy',
        bytes: 1_000,
        newBytes: 400,
        elapsedMs: 5,
      };
    case 'released':
      return { cause: 'error', step, message: 'why' };
    case 'completed':
      return { checkpoint, step, epoch: 1, reason: 'until' };
    case 'failed':
      return { reason: 'errors', message: 'boom', step };
    case 'paused':
    case 'cancelled':
      return { step };
    default:
      return { by: 'tester' };
  }
}
