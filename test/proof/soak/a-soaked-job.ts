/** What is left of a job of eight steps that lost a machine: two attempts, four checkpoints of which three are kept. */
import { sha256Hex } from '../../../lib/base/digest.ts';
import {
  type EntryFacts,
  type JournalEntry,
  journalEntrySchema,
} from '../../../lib/contract/journal-entry.ts';
import { checkpointIdOf, objectKeys } from '../../../lib/contract/object-keys.ts';
import type { StepRecord } from '../../../lib/contract/step-record.ts';
import { filesOf, type CheckpointEvidence } from '../../../proof/soak/audit-checkpoint.ts';
import type { JobEvidence } from '../../../proof/soak/audit-job.ts';
import type { Step } from '../../../proof/soak/audit-samples.ts';

const jobId = 'soaked';
export const instance = { id: 'i-1', type: 'local.cpu', zone: 'local-1a' };
const data = { examples: 4, batchSize: 2, lastBatch: 'keep' } as const;

const batches: readonly (readonly number[])[] = [
  [2, 0],
  [3, 1],
  [1, 3],
  [0, 2],
  [0, 1],
  [2, 3],
  [3, 2],
  [1, 0],
];

function step(number: number): Step {
  const loss = (0x3f_f0_00_00 - number).toString(16).padEnd(16, '0');
  const examples = [...(batches[number - 1] ?? [])];
  return {
    kind: 'step',
    step: number,
    epoch: Math.floor((number - 1) / 2),
    examples,
    metrics: { loss },
  };
}

/** What an attempt notes that does these steps. */
export function stepsFrom(first: number, last: number): readonly StepRecord[] {
  const began: StepRecord = { kind: 'began', step: first - 1, resumed: first > 1, state: {} };
  return [began, ...Array.from({ length: last - first + 1 }, (_, at) => step(first + at))];
}

/** A journal by the facts of its entries. */
export function journalOf(
  facts: readonly (EntryFacts & { readonly claim: number | null })[],
): JournalEntry[] {
  return facts.map((each, index) =>
    journalEntrySchema.parse({
      format: 1,
      sequence: index + 1,
      nonce: `nonce-of-${index + 1}`,
      at: new Date(1_700_000_000_000 + index * 1_000).toISOString(),
      ...each,
    }),
  );
}

interface Saved {
  readonly claim: number;
  readonly ordinal: number;
  readonly step: number;
}

function saved(name: Saved): { readonly body: Uint8Array; readonly chunk: Uint8Array; readonly key: string } {
  const chunk = new TextEncoder().encode(`state after ${name.step} steps`);
  const sha256 = sha256Hex(chunk);
  const key = objectKeys.chunk(jobId, name, { sha256, codec: 'none' });
  const bytes = chunk.byteLength;
  const manifest = {
    format: 1,
    jobId,
    ...name,
    epoch: Math.floor(name.step / 2),
    parent: null,
    reason: 'policy',
    createdAt: '2023-11-14T22:13:20.000Z',
    runtime: { backend: 'cpu', versions: {}, arch: 'x64' },
    compatibility: {},
    files: [
      {
        path: 'model.safetensors',
        bytes,
        digest: sha256Hex(sha256),
        chunks: [{ key, sha256, bytes, codec: 'none', stored: bytes }],
      },
    ],
  };
  return { body: new TextEncoder().encode(JSON.stringify(manifest)), chunk, key };
}

/** The facts of the entry that commits it. */
export function commit(
  name: Saved,
  drops: readonly string[] = [],
): EntryFacts & { readonly kind: 'checkpoint'; readonly claim: number } {
  const { body } = saved(name);
  return {
    kind: 'checkpoint',
    id: checkpointIdOf(name),
    manifest: { key: objectKeys.manifest(jobId, name), sha256: sha256Hex(body) },
    ...name,
    epoch: Math.floor(name.step / 2),
    example: 0,
    reason: 'policy',
    bytes: 10,
    newBytes: 10,
    elapsedMs: 1,
    drops: [...drops],
  };
}

function kept(entries: readonly JournalEntry[], name: Saved): CheckpointEvidence {
  const { body, chunk, key } = saved(name);
  const id = checkpointIdOf(name);
  const committed = entries.find((entry) => entry.kind === 'checkpoint' && entry.id === id);
  if (committed?.kind !== 'checkpoint') throw new Error(`${id} was not committed`);
  return {
    jobId,
    committed,
    objects: new Map([
      [committed.manifest.key, body],
      [key, chunk],
    ]),
  };
}

const [first, second, third, fourth] = [
  { claim: 2, ordinal: 1, step: 2 },
  { claim: 2, ordinal: 2, step: 4 },
  { claim: 6, ordinal: 1, step: 6 },
  { claim: 6, ordinal: 2, step: 8 },
] as const;

const submitted = {
  kind: 'submitted',
  spec: { key: 'jobs/soaked/spec-1.json', sha256: '0'.repeat(64) },
  name: 'soaked',
  store: 'file:///store',
} as const;
const restored = (checkpoint: string | null, at: number) =>
  ({ kind: 'restored', checkpoint, step: at, bytes: 0, elapsedMs: 1 }) as const;

/** The facts of its journal: an entry may be left out, or another put in its place. */
export const soakedFacts: readonly (EntryFacts & { readonly claim: number | null })[] = [
  { ...submitted, claim: null },
  { kind: 'claimed', ticket: 't-1', instance, claim: 2 },
  { ...restored(null, 0), claim: 2 },
  commit(first),
  commit(second),
  // The machine was lost at step 5, in silence.
  { kind: 'claimed', ticket: 't-1', instance: { ...instance, id: 'i-2' }, claim: 6 },
  { ...restored(checkpointIdOf(second), 4), claim: 6 },
  commit(third, [checkpointIdOf(first)]),
  commit(fourth),
  {
    kind: 'completed',
    checkpoint: checkpointIdOf(fourth),
    step: 8,
    epoch: 4,
    reason: 'all steps are done',
    metrics: { accuracy: 0.5 },
    claim: 6,
  },
];

export function aSoakedJob(): JobEvidence {
  const entries = journalOf(soakedFacts);
  const checkpoints = [second, third, fourth].map((name) => kept(entries, name));
  const last = checkpoints.at(-1);
  return {
    jobId,
    entries,
    checkpoints,
    attempts: [
      { claim: 2, records: stepsFrom(1, 5) },
      { claim: 6, records: stepsFrom(5, 8) },
    ],
    data,
    reference: {
      files: (last && filesOf(last)) ?? {},
      steps: Array.from({ length: 8 }, (_, at) => step(at + 1)),
      metrics: { accuracy: 0.5 },
    },
    ends: ['completed'],
  };
}
