/** The faults that the simulation must notice: those that `npm test` plants, and further ones of `npm run test:histories`. */
import type { Mutation } from './mutation.ts';

const journal = 'lib/journal/journal.ts';
const claim = 'lib/journal/claim.ts';
const invariants = 'lib/journal/invariants.ts';
const settle = 'job/stages/settle.ts';

const ownFence = {
  file: claim,
  find: `        if (state.newestClaim !== token) {
          throw new FencedError(`,
  replace: `        if (state.newestClaim < 0) {
          throw new FencedError(`,
} as const;

export const plannedMutations: readonly Mutation[] = [
  {
    name: 'skip the fence check',
    what: 'an owner appends although a newer claim stands, and readers believe it',
    patches: [
      ownFence,
      {
        file: invariants,
        find: `  return claim === state.newestClaim
    ? undefined
    : `,
        replace: `  return claim > 0
    ? undefined
    : `,
      },
    ],
    seed: 49,
    caughtBy: ['oneOwnerAtATime', 'stepsNeverGoBack', 'namesAreNew', 'noFaultOfOurs'],
  },
  {
    name: 'delete before send',
    what: 'an attempt lets go of its ticket before the job has another',
    patches: [
      {
        file: settle,
        find: `  await world.queue.send(encodeTicket(claim.journal.jobId), {
    ...(owner !== undefined && { groupId: owner }),
    delayMs,
  });
  await dropTicket(world, ticket);`,
        replace: `  await dropTicket(world, ticket);
  await world.queue.send(encodeTicket(claim.journal.jobId), {
    ...(owner !== undefined && { groupId: owner }),
    delayMs,
  });`,
      },
    ],
    seed: 4,
    caughtBy: ['handsOverBeforeItLetsGo', 'noJobIsForgotten'],
  },
  {
    name: 'commit before upload',
    what: 'a checkpoint is committed while its chunks are still on their way',
    patches: [
      {
        file: 'lib/checkpoint/store-chunk.ts',
        find: `  await retry(() => store.put(key, body, { sha256: storedSha256, signal }), { clock, random, signal });`,
        replace: `  void retry(() => store.put(key, body.slice(), { sha256: storedSha256 }), { clock, random }).catch(() => {});`,
      },
    ],
    seed: 1,
    caughtBy: ['commitsWhatIsDurable'],
  },
  {
    name: 'treat a time-out as corruption',
    what: 'an object that cannot be read just now counts as missing, so that its checkpoint is quarantined',
    patches: [
      {
        file: 'lib/checkpoint/verified-get.ts',
        find: `  const object = await retry(() => store.get(key, { signal }), {`,
        replace: `  const timedOut = (error: unknown): undefined => {
    if (signal.aborted || !(error instanceof Error) || error.name !== 'TransientError') throw error;
  };
  const object = await retry(() => store.get(key, { signal }).catch(timedOut), {`,
      },
    ],
    seed: 1,
    caughtBy: ['quarantinesOnlyDamage'],
  },
  {
    name: 'prune before journal',
    what: 'objects are deleted before the journal says that their checkpoint is dropped',
    patches: [
      {
        file: 'lib/checkpoint/prune.ts',
        find: `  await claim.journal.refresh();
  await claim.append((state) => {
    dropped = prunable(state);`,
        replace: `  await deleteDropped(store, claim, prunable(await claim.journal.refresh()));
  await claim.append((state) => {
    dropped = prunable(state);`,
      },
      {
        file: 'lib/checkpoint/prune.ts',
        find: `  assert(isDropped, 'a checkpoint is deleted after the entry that dropped it', { ids: ids.join() });
  const isRetained = await retainedKeys(store, state);`,
        replace: `  assert(isDropped || ids.length > 0, 'a checkpoint is deleted after the entry that dropped it');
  const kept = state.checkpoints.filter(({ id }) => !ids.includes(id));
  const isRetained = await retainedKeys(store, { ...state, checkpoints: kept });`,
      },
    ],
    seed: 2,
    caughtBy: ['retainedStays'],
  },
  {
    name: 'chunks shared between saves',
    what: 'a save re-uses a chunk of any earlier save of the process, whether or not that one is still kept',
    patches: [
      {
        file: 'lib/checkpoint/known-chunks.ts',
        find: `export class KnownChunks {
  readonly #chunks = new Map<Sha256, Deferred<Chunk>>();

  constructor(parent: Manifest | undefined) {`,
        replace: `const pool = new Map<string, Map<Sha256, Deferred<Chunk>>>();

export class KnownChunks {
  readonly #chunks: Map<Sha256, Deferred<Chunk>>;

  constructor(parent: Manifest | undefined) {
    this.#chunks = parent === undefined ? new Map<Sha256, Deferred<Chunk>>() : (pool.get(parent.jobId) ?? new Map<Sha256, Deferred<Chunk>>());
    if (parent !== undefined) pool.set(parent.jobId, this.#chunks);`,
      },
    ],
    seed: 1,
    caughtBy: ['reusesOnlyItsParents', 'commitsWhatIsDurable', 'retainedStays'],
  },
  {
    name: 'append a body decided before the last slot was read',
    what: 'after a slot that another writer took, the old decision is written into the next one',
    patches: [
      {
        file: journal,
        find: `      for (let round = 1; round <= roundsMax; round++) {
        options.signal?.throwIfAborted();
        const facts = decide(this.#state);`,
        replace: `      const facts = decide(this.#state);
      for (let round = 1; round <= roundsMax; round++) {
        options.signal?.throwIfAborted();`,
      },
    ],
    seed: 20,
    caughtBy: ['noFaultOfOurs', 'aFreshOwnerIsLeftAlone', 'oneOwnerAtATime', 'keepsWhatMustStay'],
  },
];

export const furtherMutations: readonly Mutation[] = [
  {
    name: 'treat an outage as corruption',
    what: 'a restore that the store keeps from reading, after all retries, quarantines the checkpoint',
    patches: [
      {
        file: 'lib/checkpoint/restore.ts',
        find: `    if (remedyOf(error) !== 'fall-back') throw error;`,
        replace: `    if (remedyOf(error) !== 'fall-back' && remedyOf(error) !== 'retry') throw error;`,
      },
    ],
    seed: 90,
    caughtBy: ['quarantinesOnlyDamage'],
  },
  {
    name: "skip the owner's own fence check alone",
    what: 'an owner is stopped by the rules of the journal only, and takes it for a fault',
    patches: [ownFence],
    seed: 17,
    caughtBy: ['noFaultOfOurs'],
  },
  {
    name: 'overwrite a slot',
    what: 'a journal entry is put without a condition',
    patches: [
      {
        file: 'lib/journal/place.ts',
        find: `      const created = await ports.store.createIfAbsent(key, bytes, withSignal(signal));`,
        replace: `      const created = { outcome: 'created' as 'created' | 'exists', ...(await ports.store.put(key, bytes, withSignal(signal))) };`,
      },
    ],
    seed: 6,
    caughtBy: ['slotsNeverChange'],
  },
  {
    name: 'take every owner for dead',
    what: 'a worker claims a job that a live owner has',
    patches: [
      {
        file: 'lib/journal/liveness.ts',
        find: `      return true;`,
        replace: `      return livenessMs < 0;`,
      },
    ],
    seed: 3,
    caughtBy: ['aFreshOwnerIsLeftAlone'],
  },
  {
    name: 'delete what kept checkpoints share',
    what: 'a dropped checkpoint takes along chunks that a kept one re-uses',
    patches: [
      {
        file: 'lib/checkpoint/prune.ts',
        find: `    const doomed = [...left.keys()].filter((key) => key !== manifestKey && !isRetained(key));`,
        replace: `    const doomed = [...left.keys()].filter((key) => key !== manifestKey || isRetained(key));`,
      },
    ],
    seed: 1,
    caughtBy: ['retainedStays'],
  },
  {
    name: 'sweep what this claim uploads',
    what: 'the sweep takes objects of a save under way for garbage',
    patches: [
      {
        file: 'lib/checkpoint/prune.ts',
        find: `name.claim < claim.token && !isRetained(key)`,
        replace: `name.claim <= claim.token && !isRetained(key)`,
      },
    ],
    seed: 28,
    caughtBy: ['commitsWhatIsDurable', 'retainedStays'],
  },
  {
    name: 'resume from an older checkpoint',
    what: 'a restore begins at the oldest good checkpoint',
    patches: [
      {
        file: 'lib/checkpoint/restore.ts',
        find: `    const record = located.chain[0];`,
        replace: `    const record = located.chain.at(-1);`,
      },
    ],
    seed: 8,
    caughtBy: ['beginsAtTheNewestGood'],
  },
  {
    name: 'start over where nothing can be read',
    what: 'a job with history begins afresh when its restore meets bad weather',
    patches: [
      {
        file: 'lib/checkpoint/restore.ts',
        find: `    const tried = await tryRestore({ jobId: state.jobId, record, damagedKeys }, options);`,
        replace: `    const tried = await tryRestore({ jobId: state.jobId, record, damagedKeys }, options).catch(() => undefined);
    if (tried === undefined) return { outcome: 'fresh' };`,
      },
    ],
    seed: 23,
    caughtBy: ['beginsAtTheNewestGood', 'noFaultOfOurs'],
  },
  {
    name: 'commit the manifest before it is written',
    what: 'the manifest is put without waiting for the answer',
    patches: [
      {
        file: 'lib/checkpoint/upload.ts',
        find: `  await retry(() => store.put(ref.key, body, { sha256: ref.sha256, signal }), { clock, random, signal });`,
        replace: `  void retry(() => store.put(ref.key, body, { sha256: ref.sha256, signal }), { clock, random, signal }).catch(() => {});`,
      },
    ],
    seed: 1,
    caughtBy: ['commitsWhatIsDurable'],
  },
  {
    name: 'send no ticket at a hand-over',
    what: 'an attempt that ends before its job does sends no new ticket',
    patches: [
      {
        file: settle,
        find: `  await world.queue.send(encodeTicket(claim.journal.jobId), {
    ...(owner !== undefined && { groupId: owner }),
    delayMs,
  });
`,
        replace: `  void [encodeTicket, claim, owner, delayMs];
`,
      },
    ],
    seed: 4,
    caughtBy: ['handsOverBeforeItLetsGo', 'noJobIsForgotten'],
  },
  {
    name: 'look for no lost tickets',
    what: '`reconcile` never sends a ticket',
    patches: [
      {
        file: 'lib/client/reconcile-job.ts',
        find: `  const ticketed = silence.isLost && (await giveTicket(region, journal));`,
        replace: `  const ticketed = silence.isLost && silence.waitedMs < 0 && (await giveTicket(region, journal));`,
      },
    ],
    seed: 5,
    caughtBy: ['noJobIsForgotten', 'everyJobEnds'],
  },
  {
    name: 'drop the place where a resume begins',
    what: 'whoever is asked to prune drops also what must stay',
    patches: [
      {
        file: 'lib/journal/fold-checkpoints.ts',
        find: `  return state.requests.prune.filter((id) => !stay.has(id));`,
        replace: `  return state.requests.prune.filter((id) => !stay.has(id) || id !== '');`,
      },
      {
        file: invariants,
        find: `      entry.checkpoints.filter((id) => stays.has(id)),`,
        replace: `      entry.checkpoints.filter((id) => stays.has(id) && id === ''),`,
      },
    ],
    seed: 24,
    caughtBy: ['keepsWhatMustStay'],
  },
  {
    name: 'end after the end',
    what: 'nothing keeps an owner from training a job that has ended',
    patches: [
      {
        file: invariants,
        find: `  trainingKinds.has(kind) && isFinished(state.status)
`,
        replace: `  trainingKinds.has(kind) && isFinished(state.status) && kind === 'restored'
`,
      },
      {
        file: 'lib/journal/status.ts',
        find: `  return isClaimable(state) && !isUnfinishedFork(state);`,
        replace: `  return state.sequence > 0 && !isUnfinishedFork(state);`,
      },
    ],
    seed: 1,
    caughtBy: ['aJobEndsOnce', 'noFaultOfOurs'],
  },
];
