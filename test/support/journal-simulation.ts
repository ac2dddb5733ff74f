/**
 * Several workers, zombies and operators on one job, over a store with bad weather. Everything that lands in the journal,
 * and every state that anybody is given, is checked at once against a fold from slot 1.
 */
import { isDeepStrictEqual } from 'node:util';
import { setImmediate as turn } from 'node:timers/promises';
import { ConflictError, FencedError, NotFoundError, TransientError } from '../../lib/base/errors.ts';
import { type Random, seededRandom } from '../../lib/base/random.ts';
import { type EntryFacts, type JournalEntry, journalEntrySchema } from '../../lib/contract/journal-entry.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { type Claim, claimJob } from '../../lib/journal/claim.ts';
import { foldEntry, initialState } from '../../lib/journal/fold.ts';
import { mustStay, resumeCandidates } from '../../lib/journal/fold-checkpoints.ts';
import { checkInvariants } from '../../lib/journal/invariants.ts';
import type { JobState } from '../../lib/journal/job-state.ts';
import { type Journal, type JournalPorts, openJournal } from '../../lib/journal/journal.ts';
import * as requests from '../../lib/journal/requests.ts';
import { settleRequest } from '../../lib/journal/settle-request.ts';
import { checkState } from '../../lib/journal/state-invariants.ts';
import { failureOf, shouldFail } from '../../lib/journal/strikes.ts';
import { MemoryObjectStore } from '../../lib/store/memory-object-store.ts';
import type { CreateResult, PutOptions } from '../../lib/store/object-store.ts';
import { FaultyObjectStore, type FaultRates } from '../../proof/rehearsal/faulty-object-store.ts';
import { checkpointFacts, hastyClock, instance, jobId, submission } from './journal-world.ts';

export type OpenJournal = (ports: JournalPorts, jobId: string) => Promise<Journal>;

export interface Scenario {
  readonly seed: number;
  readonly rates: FaultRates;
  readonly workers: number;
  /** Attempts that each worker makes. */
  readonly attempts: number;
  readonly operators: number;
  /** Requests that each operator makes. */
  readonly requests: number;
}

export interface Report {
  /** What was wrong, in words; empty when everything held. */
  readonly wrong: readonly string[];
  readonly entries: readonly JournalEntry[];
  readonly fenced: number;
  readonly unknownOutcomes: number;
}

/** Watches slots as they land, before anybody can read them. */
class WatchedStore extends MemoryObjectStore {
  readonly entries: JournalEntry[] = [];
  /** After each slot; index 0 before the first. */
  readonly states: JobState[] = [initialState(jobId)];
  readonly wrong: string[] = [];

  override async createIfAbsent(key: string, body: Uint8Array, options?: PutOptions): Promise<CreateResult> {
    const result = await super.createIfAbsent(key, body, options);
    if (result.outcome === 'created' && key.startsWith(objectKeys.journal(jobId))) this.#landed(key, body);
    return result;
  }

  get newest(): JobState {
    return this.states.at(-1) ?? initialState(jobId);
  }

  /** Compares what somebody was given with the fold of the same slots. */
  check(who: string, state: JobState): void {
    const expected = this.states[state.sequence];
    if (!isDeepStrictEqual(state, expected)) {
      this.wrong.push(
        `${who} was given a state of slot ${state.sequence} that is not the fold of its journal`,
      );
    }
  }

  #landed(key: string, body: Uint8Array): void {
    const entry = journalEntrySchema.parse(JSON.parse(new TextDecoder().decode(body)));
    const before = this.newest;
    if (key !== objectKeys.journalEntry(jobId, this.entries.length + 1)) {
      this.wrong.push(`${key} landed after slot ${this.entries.length}`);
      return;
    }
    for (const broken of checkInvariants(before, entry)) this.wrong.push(`slot ${entry.sequence}: ${broken}`);
    const after = foldEntry(before, entry);
    for (const broken of checkState(after)) this.wrong.push(`after slot ${entry.sequence}: ${broken}`);
    this.entries.push(entry);
    this.states.push(after);
  }
}

interface Simulation {
  readonly store: WatchedStore;
  readonly weather: FaultyObjectStore;
  readonly open: OpenJournal;
  readonly counts: { fenced: number; unknown: number; tag: number };
  /** What became of every append that bears a tag of its own. */
  readonly appends: Array<{
    readonly tag: string;
    outcome: 'stands' | 'nothing' | 'unknown';
    entry?: JournalEntry;
  }>;
}

export async function simulate(scenario: Scenario, open: OpenJournal = openJournal): Promise<Report> {
  const store = new WatchedStore();
  const weather = new FaultyObjectStore(store, {
    random: seededRandom(scenario.seed),
    rates: scenario.rates,
    lateCallsMax: 40,
  });
  const simulation: Simulation = {
    store,
    weather,
    open,
    counts: { fenced: 0, unknown: 0, tag: 0 },
    appends: [],
  };
  const clear = await openJournal(
    { store, clock: hastyClock(), random: seededRandom(scenario.seed + 1) },
    jobId,
  );
  await requests.recordSubmission(clear, submission);
  const actors: Array<Promise<void>> = [];
  const randomOf = (index: number): Random => seededRandom(scenario.seed * 1_000 + index);
  for (let index = 0; index < scenario.workers; index++) {
    actors.push(work(simulation, { name: `i-${index}`, random: randomOf(index), turns: scenario.attempts }));
  }
  for (let index = 0; index < scenario.operators; index++) {
    actors.push(
      operate(simulation, {
        name: `operator-${index}`,
        random: randomOf(500 + index),
        turns: scenario.requests,
      }),
    );
  }
  await Promise.all(actors);
  await weather.settle();
  await checkEnd(simulation);
  const { fenced, unknown } = simulation.counts;
  return { wrong: store.wrong, entries: store.entries, fenced, unknownOutcomes: unknown };
}

interface Actor {
  readonly name: string;
  readonly random: Random;
  readonly turns: number;
}

const upTo = (random: Random, max: number): number => Math.floor(random.next() * (max + 1));

/** Lets others run for a while. */
async function dawdle(random: Random, turnsMax = 12): Promise<void> {
  for (let turns = upTo(random, turnsMax); turns > 0; turns--) await turn();
}

/** A clock that is wrong by up to an hour, on which a wait is a few turns. */
function portsOf({ weather }: Simulation, random: Random): JournalPorts {
  const clock = hastyClock();
  clock.pass(Math.round((random.next() - 0.5) * 7_200_000));
  return {
    store: weather,
    random,
    clock: {
      ...clock,
      async sleep(ms, signal) {
        await clock.sleep(ms, signal);
        await dawdle(random, 4);
      },
    },
  };
}

/** Does something that may be fenced, refused, or end without an answer. Anything else that it throws is wrong. */
async function attempt(
  simulation: Simulation,
  who: string,
  act: () => Promise<unknown>,
): Promise<'done' | 'fenced' | 'refused' | 'unknown'> {
  try {
    await act();
    return 'done';
  } catch (error) {
    if (error instanceof FencedError) {
      simulation.counts.fenced++;
      return 'fenced';
    }
    if (error instanceof ConflictError || error instanceof NotFoundError) return 'refused';
    if (error instanceof TransientError) {
      simulation.counts.unknown++;
      return 'unknown';
    }
    simulation.store.wrong.push(`${who}: ${String(error)}`);
    return 'refused';
  }
}

async function openFor(simulation: Simulation, actor: Actor): Promise<Journal> {
  const journal = await simulation.open(portsOf(simulation, actor.random), jobId);
  simulation.store.check(actor.name, journal.state);
  return journal;
}

async function work(simulation: Simulation, actor: Actor): Promise<void> {
  const { random } = actor;
  for (let turns = 0; turns < actor.turns; turns++) {
    await dawdle(random);
    await attempt(simulation, actor.name, async () => {
      const journal = await openFor(simulation, actor);
      const ticket = `ticket-${++simulation.counts.tag}`;
      const append = { tag: ticket, outcome: 'unknown' as 'stands' | 'nothing' | 'unknown' };
      simulation.appends.push(append);
      const result = await claimJob(journal, {
        ticket,
        instance: instance(actor.name),
        isLive: async () => random.next() < 0.4,
      });
      if (result.outcome === 'owned') append.outcome = 'nothing';
      if (result.outcome !== 'claimed') return;
      append.outcome = 'stands';
      await train(simulation, actor, result.claim);
    });
  }
}

/** One attempt: restore, commit now and then, obey requests, and end in one of many ways, or in none. */
async function train(simulation: Simulation, actor: Actor, claim: Claim): Promise<void> {
  const { random, name } = actor;
  const told = async (decide: (state: JobState) => EntryFacts | undefined): Promise<JobState> => {
    const { entry, state } = await claim.append(decide);
    simulation.store.check(name, state);
    if (entry !== undefined && !isDeepStrictEqual(simulation.store.entries[entry.sequence - 1], entry)) {
      simulation.store.wrong.push(`${name} was told of an entry in slot ${entry.sequence} that is not there`);
    }
    return state;
  };
  let step = 0;
  await told((state) => {
    const [record] = resumeCandidates(state);
    if (record === undefined && state.committed > 0) return undefined;
    step = record?.step ?? 0;
    return { kind: 'restored', checkpoint: record?.id ?? null, step, bytes: 1, elapsedMs: 1 };
  });
  for (let ordinal = 1; ordinal <= 1 + upTo(random, 3); ordinal++) {
    // Some sleep long enough for others to take over: those that wake then are zombies.
    await dawdle(random, random.next() < 0.3 ? 150 : 10);
    if (random.next() < 0.5) simulation.store.check(name, await claim.journal.peek());
    step += upTo(random, 5);
    const state = await told((current) => {
      if (current.checkpoints.some(({ claim: by, ordinal: nth }) => by === claim.token && nth >= ordinal))
        return undefined;
      const at = current.updatedAt ?? '';
      const stays = mustStay(current, at);
      const drops = current.checkpoints.slice(0, -2).flatMap(({ id }) => (stays.has(id) ? [] : [id]));
      return checkpointFacts({ claim: claim.token, ordinal, step, drops });
    });
    if (state.requests.pause || state.requests.cancel) {
      await told(({ requests: asked }) => {
        if (asked.cancel) return { kind: 'cancelled', step };
        return asked.pause ? { kind: 'paused', step } : undefined;
      });
      if (claim.journal.state.claim === null) return;
    }
  }
  await end(claim, { random, step, told });
}

async function end(
  claim: Claim,
  attemptEnd: {
    readonly random: Random;
    readonly step: number;
    readonly told: (decide: (state: JobState) => EntryFacts | undefined) => Promise<JobState>;
  },
): Promise<void> {
  const { random, step, told } = attemptEnd;
  const choice = random.next();
  if (choice < 0.25) return;
  if (choice < 0.35) {
    await told((state) => {
      const [result] = resumeCandidates(state);
      if (result === undefined) return undefined;
      return {
        kind: 'completed',
        checkpoint: result.id,
        step: Math.max(step, result.step),
        epoch: 1,
        reason: 'done',
      };
    });
    return;
  }
  const causes = ['interrupted', 'error', 'infrastructure', 'hung', 'handover'] as const;
  const cause = causes[upTo(random, causes.length - 1)] ?? 'interrupted';
  const after = await told(() => ({ kind: 'released', cause, step: step + upTo(random, 3), message: cause }));
  if (shouldFail(after) && after.newestClaim === claim.token) await told((state) => failureOf(state));
}

async function operate(simulation: Simulation, actor: Actor): Promise<void> {
  const { random, name } = actor;
  for (let turns = 0; turns < actor.turns; turns++) {
    await dawdle(random, 40);
    await attempt(simulation, name, async () => {
      const journal = await openFor(simulation, actor);
      await request(simulation, actor, journal);
      simulation.store.check(name, journal.state);
    });
  }
}

async function request(simulation: Simulation, { random, name: by }: Actor, journal: Journal): Promise<void> {
  const records = journal.state.checkpoints;
  const picked = records[upTo(random, records.length - 1)]?.id ?? '1-1-step1';
  const tag = `${by}-${++simulation.counts.tag}`;
  const options = { ticket: tag, instance: instance(by), isLive: async () => random.next() < 0.5 };
  const choices: ReadonlyArray<() => Promise<unknown>> = [
    async () =>
      tagged(simulation, tag, async () =>
        requests.recordTicket(journal, { by: tag, seen: (await journal.refresh()).sequence }),
      ),
    async () =>
      tagged(simulation, tag, async () => requests.recordFork(journal, { checkpoint: picked, child: tag })),
    async () => requests.requestPause(journal, { by }),
    async () => requests.requestPause(journal, { by }).then(async () => settleRequest(journal, options)),
    async () => requests.requestResume(journal, { by }),
    async () => requests.requestResume(journal, { by }),
    async () => requests.requestResume(journal, { by, from: picked }),
    async () => requests.pinCheckpoint(journal, { checkpoint: picked, by }),
    async () => requests.unpinCheckpoint(journal, { checkpoint: picked, by }),
    async () => requests.requestPrune(journal, { checkpoints: [picked], by }),
    async () =>
      random.next() < 0.2 ? requests.requestCancel(journal, { by }) : settleRequest(journal, options),
  ];
  await choices[upTo(random, choices.length - 1)]?.();
}

/** Keeps account of an append whose entry bears `tag`. */
async function tagged(
  simulation: Simulation,
  tag: string,
  append: () => Promise<{ readonly entry: JournalEntry | undefined }>,
): Promise<void> {
  const account: Simulation['appends'][number] = { tag, outcome: 'unknown' };
  simulation.appends.push(account);
  try {
    const { entry } = await append();
    account.outcome = entry === undefined ? 'nothing' : 'stands';
    if (entry !== undefined) account.entry = entry;
  } catch (error) {
    if (!(error instanceof TransientError)) account.outcome = 'nothing';
    throw error;
  }
}

const tagOf = (entry: JournalEntry): string | undefined => {
  if (entry.kind === 'claimed') return entry.ticket;
  if (entry.kind === 'ticketed') return entry.by;
  return entry.kind === 'forked' ? entry.child : undefined;
};

/** Nothing lost, nothing twice; and a reader with the hint sees what a fold from slot 1 sees. */
async function checkEnd({ store, appends }: Simulation): Promise<void> {
  const { wrong, entries } = store;
  const nonces = new Set(entries.map(({ nonce }) => nonce));
  if (nonces.size !== entries.length) wrong.push('two slots hold the same entry');
  for (const { tag, outcome, entry } of appends) {
    const standing = entries.filter((candidate) => tagOf(candidate) === tag);
    const fits =
      outcome === 'unknown' ? standing.length <= 1 : standing.length === (outcome === 'stands' ? 1 : 0);
    if (!fits) wrong.push(`append ${tag} ended with "${outcome}", and stands ${standing.length} times`);
    if (entry !== undefined && !isDeepStrictEqual(entry, standing[0]))
      wrong.push(`append ${tag} was told of another entry`);
  }
  const calm = { store, clock: hastyClock(), random: seededRandom(7) };
  store.check('a late reader', (await openJournal(calm, jobId)).state);
  await store.delete([objectKeys.stateHint(jobId)]);
  const { state } = await openJournal(calm, jobId);
  store.check('a reader without a hint', state);
  if (state.sequence !== entries.length)
    wrong.push(`a late reader saw ${state.sequence} of ${entries.length} slots`);
}
