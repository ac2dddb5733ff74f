import { sha256Hex } from '../base/digest.ts';
import { CorruptionError } from '../base/errors.ts';
import type { DocumentRef } from '../contract/journal-entry.ts';
import { type JobSpec, jobSpecSchema } from '../contract/job-spec.ts';
import { parseDocument } from '../contract/parse-document.ts';
import type { ObjectStore } from '../store/object-store.ts';

/**
 * The spec that a journal entry names, checked against the entry's digest.
 * @throws CorruptionError when it is gone or not what was submitted
 */
export async function loadSpec(store: ObjectStore, ref: DocumentRef): Promise<JobSpec> {
  const object = await store.get(ref.key);
  if (object === undefined || sha256Hex(object.body) !== ref.sha256) {
    throw new CorruptionError(
      object === undefined ? 'the spec of the job is gone.' : 'the spec of the job was changed.',
      { facts: { key: ref.key } },
    );
  }
  return parseDocument(jobSpecSchema, object.body, { what: 'job spec', at: ref.key });
}
