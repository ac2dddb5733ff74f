/**
 * Faults that no rule of the product's own journal notices: everything goes on, and work, a promise or a ticket is lost on
 * the way. `npm run test:histories` plants them with the further ones.
 */
import type { Mutation, Patch } from './mutation.ts';

const train = 'job/stages/train.ts';
const settle = 'job/stages/settle.ts';
const fork = 'lib/client/fork-job.ts';

/** A fault that is one text of one file. */
function quiet(
  facts: Omit<Mutation, 'patches' | 'caughtBy'> & Patch & { readonly caughtBy: string },
): Mutation {
  const { name, what, seed, file, find, replace, caughtBy } = facts;
  return { name, what, seed, patches: [{ file, find, replace }], caughtBy: [caughtBy] };
}

export const quietMutations: readonly Mutation[] = [
  quiet({
    name: 'keep one checkpoint fewer',
    what: 'a commit drops one of the last so many that are to be kept',
    file: 'lib/checkpoint/keep-policy.ts',
    find: `...usable.slice(-Math.max(1, spec.last)),`,
    replace: `...usable.slice(-Math.max(1, spec.last - 1)),`,
    seed: 1,
    caughtBy: 'dropsWhatThePolicySays',
  }),
  quiet({
    name: 'fork from the newest',
    what: 'a fork begins with the newest checkpoint, whichever was asked for',
    file: fork,
    find: `      record: origin.record,
      spec,`,
    replace: `      record: parent.state.checkpoints.at(-1) ?? origin.record,
      spec,`,
    seed: 8,
    caughtBy: 'forksBeginWhereTheyWereAsked',
  }),
  quiet({
    name: 'fork what nobody holds',
    what: 'the checkpoint that is copied may be dropped meanwhile',
    file: fork,
    find: `await recordFork(parent, { checkpoint: origin.id, child: jobId, now: region.clock.now() });`,
    replace: `void recordFork;`,
    seed: 8,
    caughtBy: 'forksAreHeld',
  }),
  quiet({
    name: "delete the owner's ticket",
    what: 'whoever receives the ticket of a live owner once more deletes it',
    file: 'job/stages/claim.ts',
    find: `  if (result.sameTicket) {`,
    replace: `  if (result.sameTicket && result.owner.token < 0) {`,
    seed: 7,
    caughtBy: 'ownersKeepTheirTickets',
  }),
  quiet({
    name: 'let go of the ticket before the end is written',
    what: 'a job that completes has no ticket any more when its last entry comes too late',
    file: settle,
    find: `    case 'completed':
      await append(`,
    replace: `    case 'completed':
      await dropTicket(world, ending.ticket);
      await append(`,
    seed: 1,
    caughtBy: 'ownersKeepTheirTickets',
  }),
  quiet({
    name: 'commit what the trainer gave up',
    what: 'a checkpoint whose files are all written is committed before the trainer vouches for the whole',
    file: 'lib/checkpoint/upload.ts',
    find: `  await source.complete(signal);
`,
    replace: '',
    seed: 28,
    caughtBy: 'commitsWhatWasTrained',
  }),
  quiet({
    name: 'free a slot that is being sent',
    what: 'the trainer may write over a checkpoint while it is read',
    file: 'job/checkpoint-pipeline.ts',
    find: `        this.#run();
        return;
      case 'written':`,
    replace: `        this.#run();
        this.#trainer.send({ kind: 'release', slot: message.slot, committed: false });
        return;
      case 'written':`,
    seed: 28,
    caughtBy: 'commitsWhatWasTrained',
  }),
  quiet({
    name: 'look at no digest',
    what: 'bytes that are bent are taken for those that were committed',
    file: 'lib/checkpoint/verified-get.ts',
    find: `return actual === sha256
`,
    replace: `return actual === sha256 || body.byteLength > 0
`,
    seed: 20,
    caughtBy: 'restoredBytesAreThoseOfTheStep',
  }),
  quiet({
    name: 'forget the place of a roll-back',
    what: 'a job that is resumed from an older checkpoint goes on from the newest',
    file: 'lib/journal/fold-requests.ts',
    find: `resumeFrom: target?.id ?? state.resumeFrom,`,
    replace: `resumeFrom: target === undefined ? state.resumeFrom : null,`,
    seed: 37,
    caughtBy: 'beginsAtTheNewestGood',
  }),
  quiet({
    name: 'go on with what was rolled back',
    what: 'what a roll-back left behind counts as good again after the next commit',
    file: 'lib/journal/fold-checkpoints.ts',
    find: `if (index > target) return { ...kept, setAside: true };`,
    replace: `if (index > target) return kept;`,
    seed: 73,
    caughtBy: 'dropsWhatThePolicySays',
  }),
  quiet({
    name: 'never give up',
    what: 'a program that fails each time at the same step is tried for ever',
    file: 'lib/journal/strikes.ts',
    find: `return state.strikes.errors >= errorStrikesMax || state.strikes.total >= strikesMax;`,
    replace: `return state.strikes.errors >= 100 * errorStrikesMax || state.strikes.total >= 100 * strikesMax;`,
    seed: 8,
    caughtBy: 'givesUpInTime',
  }),
  quiet({
    name: 'give up at the first error',
    what: 'a job fails by an error that one machine had once',
    file: 'lib/journal/strikes.ts',
    find: `export const errorStrikesMax = 2;`,
    replace: `export const errorStrikesMax = 1;`,
    seed: 32,
    caughtBy: 'failsForGoodReason',
  }),
  quiet({
    name: 'pause without a save',
    what: 'steps since the last checkpoint are lost by a pause',
    file: train,
    find: `    this.#push(purpose, this.#pipeline.request(purpose, { halt: true }));`,
    replace: `    this.#push(purpose, Promise.resolve({ outcome: 'given-up' as const, why: 'it was not asked for' }));`,
    seed: 33,
    caughtBy: 'endsWhereItStood',
  }),
  quiet({
    name: 'go without a save',
    what: 'a notice leaves the time, and the steps since the last checkpoint are lost',
    file: train,
    find: `this.#push('notice', this.#requestForNotice(true));`,
    replace: `this.#push('notice', Promise.resolve({ outcome: 'given-up' as const, why: 'it was not asked for' }));`,
    seed: 47,
    caughtBy: 'endsWhereItStood',
  }),
  quiet({
    name: 'train on whatever is asked',
    what: 'an owner does not look for requests to pause or to cancel',
    file: 'job/ownership.ts',
    find: `if (state.requests.pause || state.requests.cancel) events`,
    replace: `if (state.requests.pause && state.sequence < 0) events`,
    seed: 33,
    caughtBy: 'doesWhatItIsAsked',
  }),
  quiet({
    name: 'submit without a ticket',
    what: 'nobody hears of a job before `reconcile` does',
    file: 'lib/client/submit-job.ts',
    find: `if (!isFinished(state.status)) await sendTicket(region, spec);`,
    replace: `void [isFinished, state, sendTicket];`,
    seed: 1,
    caughtBy: 'whatIsDoneStands',
  }),
  quiet({
    name: 'pin nothing',
    what: 'a pin is confirmed, and stands nowhere',
    file: 'lib/client/pin-checkpoint.ts',
    find: `  const { entry, state } = await wanted.record(journal, { checkpoint: id, by: operator() });`,
    replace: `  const { entry, state } = { entry: operator() === '' ? journal : undefined, state: journal.state };`,
    seed: 2,
    caughtBy: 'whatIsDoneStands',
  }),
  quiet({
    name: 'verify an outage as damage',
    what: '`checkpoints verify` quarantines what it could not read',
    file: 'lib/checkpoint/verify-checkpoints.ts',
    find: `return { kind: 'unread', why: messageOf(error) };`,
    replace: `return { kind: 'damaged', why: messageOf(error) };`,
    seed: 115,
    caughtBy: 'quarantinesOnlyDamage',
  }),
  quiet({
    name: 'note a ticket that nobody sent',
    what: '`reconcile` writes that it sent a ticket, and sends none',
    file: 'lib/client/reconcile-job.ts',
    find: `if (entry !== undefined) await wake(region, journal.state);`,
    replace: '',
    seed: 5,
    caughtBy: 'everyJobEnds',
  }),
];
