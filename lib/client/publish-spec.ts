import { sha256Hex } from '../base/digest.ts';
import { ConflictError, CorruptionError } from '../base/errors.ts';
import type { DocumentRef } from '../contract/journal-entry.ts';
import { type JobSpec, jobSpecSchema } from '../contract/job-spec.ts';
import { objectKeys } from '../contract/object-keys.ts';
import { encodeDocument, parseDocument } from '../contract/parse-document.ts';
import type { ObjectStore } from '../store/object-store.ts';

/** Names that are tried for one revision: each one lost means that another operator revised the job at this moment. */
const revisionsMax = 16;

/**
 * Writes the first spec of a job. When an earlier try of the same submission wrote it already, that document stands.
 * @throws ConflictError when the id belongs to another job
 */
export async function publishFirstSpec(store: ObjectStore, spec: JobSpec): Promise<DocumentRef> {
  const key = objectKeys.spec(spec.jobId, 1);
  const written = await createSpec(store, key, spec);
  if (isSameJob(written.spec, spec)) return written.ref;
  throw new ConflictError(`job id \`${spec.jobId}\` belongs to another job.`, {
    hint: 'Choose another --id, or leave it out.',
  });
}

/** Writes a later revision of a job's spec, named after the journal slot that is expected to announce it. */
export async function publishRevision(
  store: ObjectStore,
  spec: JobSpec,
  sequence: number,
): Promise<DocumentRef> {
  for (let slot = sequence; slot < sequence + revisionsMax; slot++) {
    const written = await createSpec(store, objectKeys.spec(spec.jobId, slot), spec);
    if (isSameJob(written.spec, spec)) return written.ref;
  }
  throw new ConflictError(`other revisions of job \`${spec.jobId}\` are being written.`, {
    hint: '`holdfast show` tells what the job is now.',
  });
}

/** Whether two specs ask for the same: the moment at which each was written does not count. */
export function isSameJob(one: JobSpec, other: JobSpec): boolean {
  const { createdAt } = one;
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted({ ...other, createdAt }));
}

/** What lies at the key afterwards: ours, or what was there before. */
async function createSpec(
  store: ObjectStore,
  key: string,
  spec: JobSpec,
): Promise<{ readonly ref: DocumentRef; readonly spec: JobSpec }> {
  const body = encodeDocument(spec);
  const sha256 = sha256Hex(body);
  const { outcome } = await store.createIfAbsent(key, body, { sha256 });
  if (outcome === 'created') return { ref: { key, sha256 }, spec };
  const found = await store.get(key);
  if (found === undefined) throw new CorruptionError('a spec was deleted by hand.', { facts: { key } });
  return {
    ref: { key, sha256: sha256Hex(found.body) },
    spec: parseDocument(jobSpecSchema, found.body, { what: 'job spec', at: key }),
  };
}

/** The same value with the keys of all objects in order, so that equal values have equal text. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
