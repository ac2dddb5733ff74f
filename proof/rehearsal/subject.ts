import { objectKeys } from '../../lib/contract/object-keys.ts';
import { CorruptionError, UsageError } from '../../lib/base/errors.ts';
import { sha256Hex } from '../../lib/base/digest.ts';
import { loadSpec } from '../../lib/client/load-spec.ts';
import { publishFirstSpec } from '../../lib/client/publish-spec.ts';
import { openExistingJob } from '../../lib/client/read-job.ts';
import type { Region } from '../../lib/client/region.ts';
import { sendTicket } from '../../lib/client/send-ticket.ts';
import { submitJob, type SubmitOptions } from '../../lib/client/submit-job.ts';
import type { JobSpec, SavePolicySpec } from '../../lib/contract/job-spec.ts';
import { openJournal } from '../../lib/journal/journal.ts';
import { recordSubmission } from '../../lib/journal/requests.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';

/** What is rehearsed. */
export type Subject =
  | ({ readonly kind: 'program'; readonly file: string } & Pick<
      SubmitOptions,
      'set' | 'inputs' | 'seed' | 'backend' | 'cwd'
    >)
  /** A job of another region: its program, parameters and inputs, by its spec. Of the job itself nothing is touched. */
  | { readonly kind: 'job'; readonly jobId: string; readonly region: Region };

export interface SubjectOrder {
  /** Of the rehearsal. */
  readonly jobId: string;
  readonly save: SavePolicySpec;
}

/** Two checkpoints are what a fallback needs; a rehearsal reads all that are kept at its end. */
const keep = { last: 2, best: false };

/** Queues what is rehearsed as a new job of the rehearsal's own region. Returns what to warn of. */
export async function submitSubject(
  region: Region,
  subject: Subject,
  { jobId, save }: SubjectOrder,
): Promise<readonly string[]> {
  if (subject.kind === 'job') return copyJob(region, subject, { jobId, save });
  const { file, set = {}, inputs = {}, seed, backend, cwd } = subject;
  const { warnings } = await submitJob(region, {
    program: { file },
    set,
    inputs,
    ...(seed !== undefined && { seed }),
    backend,
    name: jobId,
    jobId,
    save,
    keep,
    cwd,
  });
  return warnings;
}

async function copyJob(
  region: Region,
  subject: Extract<Subject, { kind: 'job' }>,
  { jobId, save }: SubjectOrder,
): Promise<readonly string[]> {
  const { store } = subject.region;
  const { state } = await openExistingJob(subject.region, subject.jobId);
  if (state.spec === null)
    throw new UsageError(`the job \`${subject.jobId}\` was never submitted as a whole.`);
  const original = await loadSpec(store, state.spec);
  const { omit } = original.save;
  const spec: JobSpec = {
    ...original,
    jobId,
    createdAt: region.clock.now().toISOString(),
    save: { ...save, ...(omit !== undefined && { omit }) },
    keep,
  };
  await copyFiles(store, region.store, original);
  const ref = await publishFirstSpec(region.store, spec);
  const journal = await openJournal(region, jobId);
  await recordSubmission(journal, { spec: ref, name: spec.name, store: region.store.uri });
  await sendTicket(region, spec);
  return state.forkedFrom === null ? [] : ['the job is a fork; it is rehearsed from its first step on'];
}

/** Program and inputs, as far as they lie in the job's own store; a worker finds the others where it found them before. */
async function copyFiles(from: ObjectStore, to: ObjectStore, { program, inputs }: JobSpec): Promise<void> {
  if (program.kind === 'training')
    await copyVerified(from, to, [objectKeys.program(program.sha256), program.sha256]);
  for (const { digest } of Object.values(inputs))
    if (digest !== undefined && (await from.head(objectKeys.input(digest))) !== undefined)
      await copyVerified(from, to, [objectKeys.input(digest), digest]);
}

async function copyVerified(
  from: ObjectStore,
  to: ObjectStore,
  [key, sha256]: readonly [key: string, sha256: string],
): Promise<void> {
  if ((await to.head(key)) !== undefined) return;
  const found = await from.get(key);
  if (found === undefined || sha256Hex(found.body) !== sha256)
    throw new CorruptionError('an object that the job needs is gone, or has other bytes.', {
      facts: { key },
    });
  await to.put(key, found.body, { sha256 });
}
