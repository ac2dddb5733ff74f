/** What holds in every state that a fold can reach, as named functions. Checked before every append, and by property tests after every event. */
import type { JobState } from './job-state.ts';
import { isFinished } from './status.ts';

export type StateInvariant = (state: JobState) => string | undefined;

const broken = (holds: boolean, why: string): string | undefined => (holds ? undefined : why);

export const openClaimIsTheNewest: StateInvariant = ({ claim, newestClaim, sequence }) =>
  broken(
    newestClaim <= sequence && (claim === null || claim.token === newestClaim),
    'the open claim is not the newest',
  );

export const runningMeansAnOpenClaim: StateInvariant = ({ status, claim }) =>
  broken(
    isFinished(status) || (status === 'running') === (claim !== null),
    `the job is ${status}, and ${claim === null ? 'no attempt is' : 'an attempt is'} open`,
  );

export const endTellsOfTheStatus: StateInvariant = ({ status, end }) =>
  broken(
    (end?.kind ?? null) === (isFinished(status) && status !== 'paused' ? status : null),
    'status and end differ',
  );

export const checkpointsAreInOrderOfCommit: StateInvariant = ({ checkpoints, newestClaim, committed }) =>
  broken(
    checkpoints.length <= committed &&
      checkpoints.every((record, index) => {
        const before = checkpoints[index - 1];
        return (
          record.claim <= newestClaim &&
          (before === undefined ||
            (before.sequence < record.sequence &&
              (before.claim < record.claim ||
                (before.claim === record.claim && before.ordinal < record.ordinal))))
        );
      }),
    'checkpoints are not in order of commit',
  );

export const nothingRefersToWhatWasDropped: StateInvariant = (state) => {
  const retained = new Set(state.checkpoints.map(({ id }) => id));
  const referred = [
    ...(state.resumeFrom === null ? [] : [state.resumeFrom]),
    ...state.requests.prune,
    ...state.forks.map(({ checkpoint }) => checkpoint),
  ];
  return broken(
    referred.every((id) => retained.has(id)),
    'something refers to a checkpoint that was dropped',
  );
};

export const aGoodCheckpointStays: StateInvariant = ({ checkpoints, committed }) =>
  broken(committed === 0 || checkpoints.length > 0, 'every checkpoint was dropped');

export const strikesAddUp: StateInvariant = ({ strikes: { errors, total, instances } }) =>
  broken(
    errors + instances.length <= total && new Set(instances).size === instances.length,
    'strikes do not add up',
  );

const stateInvariants: readonly StateInvariant[] = [
  openClaimIsTheNewest,
  runningMeansAnOpenClaim,
  endTellsOfTheStatus,
  checkpointsAreInOrderOfCommit,
  nothingRefersToWhatWasDropped,
  aGoodCheckpointStays,
  strikesAddUp,
];

/** The invariants that the state breaks, in words. */
export function checkState(state: JobState): readonly string[] {
  return stateInvariants.flatMap((invariant) => invariant(state) ?? []);
}
