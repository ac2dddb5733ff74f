import { sha256Hex } from '../../lib/base/digest.ts';
import { messageOf } from '../../lib/base/errors.ts';
import { decodeChunk } from '../../lib/checkpoint/codec/decode-chunk.ts';
import type { EntryOf } from '../../lib/contract/journal-entry.ts';
import { type Chunk, type Manifest, parseManifest } from '../../lib/contract/manifest.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import type { Finding } from './finding.ts';

/** A checkpoint as it lies in the store: what the journal says of it, and every object that it needs. */
export interface CheckpointEvidence {
  readonly jobId: string;
  /** The entry that committed it. */
  readonly committed: EntryOf<'checkpoint'>;
  /** Bytes by key. What is missing is not in it. */
  readonly objects: ReadonlyMap<string, Uint8Array>;
}

export const checkpointRules = [
  'a manifest is what was committed',
  'a manifest tells of its checkpoint',
  'every chunk is what was hashed',
  'every file is its chunks',
] as const;

type Rule = (typeof checkpointRules)[number];

/** Reads a checkpoint as a stranger would: every digest is computed again from the bytes. */
export function auditCheckpoint(evidence: CheckpointEvidence): readonly Finding[] {
  const { jobId, committed, objects } = evidence;
  const findings: Finding[] = [];
  const tell = (rule: Rule, what: string): void =>
    void findings.push({ jobId, rule, what: `${committed.id}: ${what}` });
  const manifest = manifestOf(evidence);
  if (typeof manifest === 'string') {
    tell('a manifest is what was committed', manifest);
    return findings;
  }
  for (const what of contradictions(manifest, evidence)) tell('a manifest tells of its checkpoint', what);
  for (const { path, bytes, digest, chunks } of manifest.files) {
    for (const chunk of chunks) {
      const why = faultOf(chunk, objects.get(chunk.key));
      if (why !== undefined) tell('every chunk is what was hashed', `${chunk.key} ${why}`);
    }
    const length = chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
    if (length !== bytes)
      tell('every file is its chunks', `${path} has ${bytes} bytes, its chunks ${length}`);
    if (digest !== sha256Hex(chunks.map(({ sha256 }) => sha256).join('')))
      tell('every file is its chunks', `${path} has another digest than its chunks`);
  }
  return findings;
}

/** The digests of a checkpoint's files by path; undefined where its manifest is not the one that was committed. */
export function filesOf(evidence: CheckpointEvidence): Readonly<Record<string, string>> | undefined {
  const manifest = manifestOf(evidence);
  return typeof manifest === 'string'
    ? undefined
    : Object.fromEntries(manifest.files.map(({ path, digest }) => [path, digest]));
}

/** In words why not. */
function manifestOf({ committed, objects }: CheckpointEvidence): Manifest | string {
  const { key, sha256 } = committed.manifest;
  const body = objects.get(key);
  if (body === undefined) return 'its manifest is missing';
  const found = sha256Hex(body);
  if (found !== sha256) return `its manifest has the digest ${found}, committed was ${sha256}`;
  try {
    return parseManifest(body, key);
  } catch (error) {
    return messageOf(error);
  }
}

function contradictions(manifest: Manifest, { jobId, committed }: CheckpointEvidence): readonly string[] {
  const { claim, ordinal, step, epoch } = committed;
  const pairs = [
    ['job', manifest.jobId, jobId],
    ['claim', manifest.claim, claim],
    ['ordinal', manifest.ordinal, ordinal],
    ['step', manifest.step, step],
    ['epoch', manifest.epoch, epoch],
  ] as const;
  const strangers = manifest.files
    .flatMap(({ chunks }) => chunks.map(({ key }) => key))
    .filter((key) => !key.startsWith(objectKeys.checkpoints(jobId)));
  return [
    ...pairs.flatMap(([name, one, other]) =>
      one === other ? [] : [`its manifest says ${name} ${one}, the journal ${other}`],
    ),
    ...strangers.map((key) => `it needs ${key} of another job`),
  ];
}

function faultOf(chunk: Chunk, body: Uint8Array | undefined): string | undefined {
  if (body === undefined) return 'is missing';
  if (body.byteLength !== chunk.stored) return `has ${body.byteLength} bytes, not ${chunk.stored}`;
  try {
    const raw = chunk.codec === 'none' ? body : decodeChunk(body, chunk);
    if (raw.byteLength !== chunk.bytes) return `decodes to ${raw.byteLength} bytes, not ${chunk.bytes}`;
    return sha256Hex(raw) === chunk.sha256 ? undefined : 'has other bytes';
  } catch (error) {
    return `cannot be decoded: ${messageOf(error)}`;
  }
}
