import { NotFoundError } from '../base/errors.ts';
import { bestOf, isUsable } from '../checkpoint/keep-policy.ts';
import { findCheckpoint, resumeCandidates } from '../journal/fold-checkpoints.ts';
import type { CheckpointRecord, JobState } from '../journal/job-state.ts';

/** More than these are not listed in a message. */
const listedMax = 12;

/**
 * The checkpoint that a person means. A name is one of:
 * - an id, `<claim>-<ordinal>-step<step>`;
 * - `step120` or `120`: the newest usable one of that step, or where none is usable the newest of that step;
 * - `latest`: where a resume would begin;
 * - `best`: the newest usable one that was the best so far when it was saved.
 * @throws NotFoundError when no retained checkpoint has that name; it lists those that there are
 */
export function findCheckpointByName(state: JobState, name: string): CheckpointRecord {
  const record = findCheckpoint(state, name) ?? meantBy(state, name);
  if (record !== undefined) return record;
  throw new NotFoundError(`job \`${state.jobId}\` has no checkpoint \`${name}\`.`, {
    hint: hintFor(state, name),
  });
}

function meantBy(state: JobState, name: string): CheckpointRecord | undefined {
  if (name === 'latest') return resumeCandidates(state)[0];
  if (name === 'best') return bestOf(state.checkpoints);
  const [, digits] = /^(?:step)?(\d{1,15})$/.exec(name) ?? [];
  if (digits === undefined) return undefined;
  const ofStep = state.checkpoints.filter(({ step }) => step === Number(digits));
  return ofStep.findLast(isUsable) ?? ofStep.at(-1);
}

function hintFor({ checkpoints, committed, jobId }: JobState, name: string): string {
  if (committed === 0) return 'Nothing has been saved yet.';
  const newestFirst = checkpoints.map(({ id }) => id).toReversed();
  const listed = newestFirst.slice(0, listedMax).join(', ');
  const more = newestFirst.length > listedMax ? ` and ${newestFirst.length - listedMax} more` : '';
  const why =
    name === 'best'
      ? 'No retained checkpoint was the best of a metric. '
      : name === 'latest'
        ? 'None of them is good. '
        : '';
  return `${why}There are ${listed}${more}. \`holdfast checkpoints ls ${jobId}\` tells more.`;
}
