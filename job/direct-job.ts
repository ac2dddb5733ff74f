import { readFile } from 'node:fs/promises';
import { sha256Hex } from '../lib/base/digest.ts';
import {
  AccessDeniedError,
  CorruptionError,
  messageOf,
  remedyOf,
  UnfitError,
  UsageError,
} from '../lib/base/errors.ts';
import { parseFileUri } from '../lib/base/file-uri.ts';
import { type JobSpec, jobSpecSchema } from '../lib/contract/job-spec.ts';
import { objectKeys } from '../lib/contract/object-keys.ts';
import { encodeDocument } from '../lib/contract/parse-document.ts';
import type { DirectJob } from '../lib/contract/ticket.ts';
import { openJournal } from '../lib/journal/journal.ts';
import { readObject } from './read-object.ts';
import type { World } from './world.ts';

/**
 * A message that is itself a job: writes program, spec and `submitted` once, whoever and however many read the message. The
 * job's id is taken from the message's, so that a duplicate delivery meets the same job.
 * @returns the job's id
 * @throws UsageError when the message asks for what no job may be; UnfitError when its program cannot be read
 */
export async function adoptDirectJob(world: World, message: DirectJob, messageId: string): Promise<string> {
  const jobId = `job-${messageId.toLowerCase().replace(/[^a-z0-9-]/g, '')}`.slice(0, 63).replace(/-+$/, '');
  const journal = await openJournal(world, jobId);
  if (journal.state.sequence > 0) return jobId;
  const code = await readProgram(world, message.program);
  const sha256 = sha256Hex(code);
  await world.store.put(objectKeys.program(sha256), code, { sha256 });
  const ref = await writeSpecOnce(world, jobId, { message, sha256 });
  const name = message.name ?? jobId;
  await journal.append((state) =>
    state.sequence > 0
      ? undefined
      : { kind: 'submitted', claim: null, spec: ref, name, store: world.store.uri },
  );
  world.log.info('job-adopted', { jobId, ticket: messageId });
  return jobId;
}

/** Whatever is wrong with another place than the job's own store is wrong with the message, not with this worker. */
async function readProgram(world: World, uri: string): Promise<Uint8Array> {
  try {
    const code = await (uri.startsWith('file:') ? readFile(parseFileUri(uri).dir) : readObject(world, uri));
    if (code !== undefined) return code;
  } catch (cause) {
    if (remedyOf(cause) === 'retry' || cause instanceof UsageError) throw cause;
    if (cause instanceof AccessDeniedError && cause.caller === 'nobody') throw cause;
    throw new UnfitError(`the program that the message names cannot be read: ${messageOf(cause)}`, {
      facts: { program: uri },
      cause,
    });
  }
  throw new UnfitError('the program that the message names is not there.', { facts: { program: uri } });
}

/** Two workers may read the message at once; the spec of the first stands, and the other takes it over. */
async function writeSpecOnce(
  world: World,
  jobId: string,
  facts: { readonly message: DirectJob; readonly sha256: string },
): Promise<{ readonly key: string; readonly sha256: string }> {
  const { message, sha256 } = facts;
  const key = objectKeys.spec(jobId, 1);
  const spec = specOf({
    format: 1,
    jobId,
    name: message.name ?? jobId,
    createdAt: world.clock.now().toISOString(),
    program: {
      kind: 'training',
      sha256,
      source: message.program,
      params: message.params ?? {},
      ...(message.seed !== undefined && { seed: message.seed }),
    },
    inputs: Object.fromEntries(Object.entries(message.inputs ?? {}).map(([name, uri]) => [name, { uri }])),
  });
  const body = encodeDocument(spec);
  const created = await world.store.createIfAbsent(key, body);
  const stands = created.outcome === 'created' ? body : (await world.store.get(key))?.body;
  if (stands === undefined) throw new CorruptionError('the spec of the job has gone.', { facts: { key } });
  return { key, sha256: sha256Hex(stands) };
}

/** @throws UsageError that names what does not fit */
function specOf(value: unknown): JobSpec {
  const { data, error } = jobSpecSchema.safeParse(value);
  if (data !== undefined) return data;
  const fault = error.issues[0];
  throw new UsageError(`the job in the message is not valid: ${fault?.path.join('.')}: ${fault?.message}.`);
}
