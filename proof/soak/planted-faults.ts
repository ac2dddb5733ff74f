import type { JournalEntry } from '../../lib/contract/journal-entry.ts';
import {
  checkpointChanged,
  entryAdded,
  entryChanged,
  lastOf,
  manifestForged,
  objectBent,
  type Plant,
  stepsChanged,
} from './plant.ts';

/** A fault that is put into what is left of a job, to see whether the audit finds it. */
export interface PlantedFault {
  readonly name: string;
  /** The rule that has to be broken by it. */
  readonly rule: string;
  readonly plant: Plant;
}

const oneBit = (bytes: Uint8Array): Uint8Array =>
  bytes.with(bytes.length >> 1, (bytes[bytes.length >> 1] ?? 0) ^ 1);

function envelopeOf({ format, sequence, nonce, at, claim }: JournalEntry) {
  return { format, sequence, nonce, at, claim };
}

function flipped([name, bits]: readonly [string, string]): readonly [string, string] {
  const last = Number.parseInt(bits.slice(-1), 16) ^ 1;
  return [name, `${bits.slice(0, -1)}${last.toString(16)}`];
}

/** One for every rule, more where a rule can be broken in more than one way. */
export const plantedFaults: readonly PlantedFault[] = [
  {
    name: 'a slot is gone',
    rule: 'slots have no gap',
    plant: (evidence) => ({ ...evidence, entries: evidence.entries.toSpliced(1, 1) }),
  },
  {
    name: 'an entry was written twice',
    rule: 'no entry stands twice',
    plant: entryAdded((entries) => {
      const pinned = { kind: 'ticketed', by: 'nobody', claim: null } as const;
      const nonce = entries.at(-1)?.nonce;
      return nonce === undefined ? undefined : { ...pinned, nonce };
    }),
  },
  {
    name: 'the job was submitted again',
    rule: 'submitted once, and first',
    plant: entryAdded(([first]) =>
      first?.kind === 'submitted'
        ? { kind: 'submitted', spec: first.spec, name: 'again', store: first.store }
        : undefined,
    ),
  },
  {
    name: 'an owner wrote after it was fenced',
    rule: 'one owner writes at a time',
    plant: entryChanged('completed', (entry) => ({ ...entry, claim: (entry.claim ?? 0) - 1 })),
  },
  {
    name: 'an owner wrote after its end',
    rule: 'owners write within their attempt',
    plant: entryAdded((entries) => {
      const restored = lastOf(entries, 'restored');
      return restored && { ...restored, nonce: 'planted-restored' };
    }),
  },
  {
    name: 'an attempt was restored a second time',
    rule: 'an attempt begins once',
    plant: entryChanged('checkpoint', (entry, entries) => {
      const restored = lastOf(entries, 'restored');
      return restored === undefined
        ? entry
        : { ...restored, sequence: entry.sequence, nonce: 'planted-restored', claim: entry.claim };
    }),
  },
  {
    name: 'an attempt began afresh',
    rule: 'no committed work is lost',
    plant: (evidence) =>
      evidence.entries.some((entry) => entry.kind === 'restored' && entry.checkpoint !== null)
        ? entryChanged('restored', (entry) => ({ ...entry, checkpoint: null, step: 0 }))(evidence)
        : undefined,
  },
  {
    name: 'a commit went back',
    rule: 'steps never go back',
    plant: entryChanged('completed', (entry) => ({ ...entry, step: 0 })),
  },
  {
    name: 'a checkpoint took the name of another',
    rule: 'a checkpoint has a name of its own',
    plant: (evidence) => {
      const first = evidence.entries.find((entry) => entry.kind === 'checkpoint');
      const isOnly = first === lastOf(evidence.entries, 'checkpoint');
      if (first?.kind !== 'checkpoint' || isOnly) return undefined;
      return entryChanged('checkpoint', (entry) => ({ ...entry, id: first.id }))(evidence);
    },
  },
  {
    name: 'a checkpoint was pinned that is not there',
    rule: 'only what is kept is named',
    plant: entryAdded(() => ({ kind: 'pinned', checkpoint: '1-1-step1', by: 'nobody', claim: null })),
  },
  {
    name: 'the newest checkpoint was dropped',
    rule: 'nothing is dropped that must stay',
    plant: entryAdded((entries) => {
      const newest = lastOf(entries, 'checkpoint');
      return newest && { kind: 'pruned', checkpoints: [newest.id] };
    }),
  },
  {
    name: 'the job was completed twice',
    rule: 'nothing trains after the end',
    plant: entryAdded((entries) => {
      const completed = lastOf(entries, 'completed');
      return completed && { ...completed, nonce: 'planted-completed' };
    }),
  },
  {
    name: 'the job stopped by itself',
    rule: 'a job stops when asked to',
    plant: entryChanged('completed', (entry) => ({ ...envelopeOf(entry), kind: 'paused', step: entry.step })),
  },
  {
    name: 'an older checkpoint was declared the result',
    rule: 'a result is the newest checkpoint',
    plant: entryChanged('completed', (entry) => ({ ...entry, checkpoint: '1-1-step1' })),
  },
  {
    name: 'the program was said to be at fault',
    rule: 'no attempt ends by a fault',
    plant: entryChanged('completed', (entry) => ({
      ...envelopeOf(entry),
      kind: 'released',
      cause: 'error',
      step: entry.step,
      message: 'it broke',
    })),
  },
  {
    name: 'the job never ended',
    rule: 'every job ends',
    plant: (evidence) => ({
      ...evidence,
      entries: evidence.entries.filter(({ kind }) => kind !== 'completed'),
    }),
  },
  {
    name: 'an entry that readers skip',
    rule: 'the fold agrees',
    plant: entryAdded(() => ({ kind: 'ticketed', by: 'nobody', claim: 999_999 })),
  },
  {
    name: 'a manifest is gone',
    rule: 'a manifest is what was committed',
    plant: objectBent('manifest', () => undefined),
  },
  {
    name: 'a bit of a manifest has turned',
    rule: 'a manifest is what was committed',
    plant: objectBent('manifest', oneBit),
  },
  {
    name: 'a manifest of another step',
    rule: 'a manifest tells of its checkpoint',
    plant: checkpointChanged((committed) => ({ ...committed, epoch: committed.epoch + 1 })),
  },
  {
    name: 'a chunk is gone',
    rule: 'every chunk is what was hashed',
    plant: objectBent('chunk', () => undefined),
  },
  {
    name: 'a bit of a chunk has turned',
    rule: 'every chunk is what was hashed',
    plant: objectBent('chunk', oneBit),
  },
  {
    name: 'a file is longer than its chunks',
    rule: 'every file is its chunks',
    plant: manifestForged((manifest) => ({
      ...manifest,
      files: manifest.files.map((file) => ({ ...file, bytes: file.bytes + 1 })),
    })),
  },
  {
    name: 'a step is missing',
    rule: 'every step is on the line once',
    plant: stepsChanged((steps) => steps.toSpliced(1, 1)),
  },
  {
    name: 'a step was done twice',
    rule: 'every step is on the line once',
    plant: stepsChanged((steps) => steps.flatMap((step, at) => (at === 0 ? [step, step] : [step]))),
  },
  {
    name: 'an example came twice',
    rule: 'every example once per epoch',
    plant: stepsChanged((steps) =>
      steps.map((step, at) => {
        const [first = 0] = steps[0]?.examples ?? [];
        return at === 1 ? { ...step, epoch: steps[0]?.epoch ?? 0, examples: [first] } : step;
      }),
    ),
  },
  {
    name: 'a step saw other examples',
    rule: 'every step saw the same examples',
    plant: stepsChanged((steps) =>
      steps.map((step, at) => (at === 0 ? { ...step, epoch: step.epoch + 7 } : step)),
    ),
  },
  {
    name: 'a loss is off by one bit',
    rule: 'every step made the same numbers',
    plant: stepsChanged((steps) =>
      steps.map((step, at) =>
        at === 0 ? { ...step, metrics: Object.fromEntries(Object.entries(step.metrics).map(flipped)) } : step,
      ),
    ),
  },
  {
    name: 'the result has other bytes',
    rule: 'a result is that of a run left alone',
    plant: (evidence) => {
      const { reference } = evidence;
      const [path = 'none'] = Object.keys(reference.files);
      return { ...evidence, reference: { ...reference, files: { ...reference.files, [path]: 'other' } } };
    },
  },
];
