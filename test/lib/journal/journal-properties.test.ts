import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TransientError } from '../../../lib/base/errors.ts';
import { journalEntrySchema } from '../../../lib/contract/journal-entry.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { encodeDocument } from '../../../lib/contract/parse-document.ts';
import { type Journal, type JournalPorts, openJournal } from '../../../lib/journal/journal.ts';
import type { CreateResult, StoredObject } from '../../../lib/store/object-store.ts';
import { type OpenJournal, type Scenario, simulate } from '../../support/journal-simulation.ts';

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  rates: fc.record({
    'lost-answer': fc.constantFrom(0, 0.05, 0.2),
    refused: fc.constantFrom(0, 0.1),
    unavailable: fc.constantFrom(0, 0.05, 0.2),
    'lands-late': fc.constantFrom(0, 0.05, 0.2),
    'repeated-late': fc.constantFrom(0, 0.1),
    delayed: fc.constantFrom(0.2, 0.6),
  }),
  workers: fc.integer({ min: 1, max: 4 }),
  attempts: fc.integer({ min: 1, max: 4 }),
  operators: fc.integer({ min: 0, max: 3 }),
  requests: fc.integer({ min: 1, max: 5 }),
});

/** Holds when nothing was wrong; fast-check prints its seed, and the scenario with its own, when it does not. */
const holdsWith = (open: OpenJournal): fc.IAsyncProperty<[Scenario]> =>
  fc.asyncProperty(scenarios, async (scenario) => {
    const { wrong } = await simulate(scenario, open);
    expect(wrong).toEqual([]);
  });

interface Flaws {
  /** Decides once, and after a lost slot writes the same body into the next one. */
  readonly keepsItsBody?: boolean;
  /** Takes every entry that it meets after a lost answer for another's. */
  readonly forgetsItsNonce?: boolean;
}

/** An append of the simplest kind, right but for its flaws: what the simulation must see through. */
function simpleJournal(flaws: Flaws): OpenJournal {
  return async (ports, jobId) => {
    const inner = await openJournal(ports, jobId);
    return {
      jobId,
      get state() {
        return inner.state;
      },
      refresh: inner.refresh.bind(inner),
      peek: inner.peek.bind(inner),
      entries: inner.entries.bind(inner),
      append: async (decide) => simpleAppend({ ports, inner, flaws }, decide),
    };
  };
}

async function simpleAppend(
  { ports, inner, flaws }: { readonly ports: JournalPorts; readonly inner: Journal; readonly flaws: Flaws },
  decide: Parameters<Journal['append']>[0],
): ReturnType<Journal['append']> {
  let facts = decide(inner.state);
  for (let round = 0; round < 100; round++) {
    if (facts === undefined) return { entry: undefined, state: inner.state };
    const sequence = inner.state.sequence + 1;
    const key = objectKeys.journalEntry(inner.jobId, sequence);
    const nonce = ports.random.hex(16);
    const at = ports.clock.now().toISOString();
    const claim = facts.kind === 'claimed' ? sequence : facts.claim;
    const body = encodeDocument({ format: 1, sequence, nonce, at, ...facts, claim });
    let created: CreateResult | undefined;
    let stored: StoredObject | undefined;
    for (let tries = 0; tries < 50 && stored === undefined; tries++) {
      created = await answerOf(async () => ports.store.createIfAbsent(key, body));
      stored = await answerOf(async () => ports.store.get(key));
    }
    if (stored === undefined) throw new TransientError('no answer');
    const entry = journalEntrySchema.parse(JSON.parse(new TextDecoder().decode(stored.body)));
    while (inner.state.sequence < sequence) await answerOf(async () => inner.peek());
    const isOurs = flaws.forgetsItsNonce === true ? created?.outcome === 'created' : entry.nonce === nonce;
    if (isOurs) return { entry, state: inner.state };
    if (flaws.keepsItsBody !== true) facts = decide(inner.state);
  }
  throw new TransientError('too many rounds');
}

async function answerOf<Result>(ask: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof TransientError) return undefined;
    throw error;
  }
}

describe('workers, zombies and operators on one job over a bad network', () => {
  it('keep every invariant, append every decision once, and read what a fold from slot 1 would give', async () => {
    await fc.assert(holdsWith(openJournal), { numRuns: 120 });
  });

  it('meet what the simulation is for: fences, unknown outcomes, every way for an attempt to end', async () => {
    const kinds = new Set<string>();
    let fenced = 0;
    let unknownOutcomes = 0;
    for (let seed = 1; seed <= 25; seed++) {
      const rates = { 'lost-answer': 0.1, unavailable: 0.3, 'lands-late': 0.1, delayed: 0.4 };
      const report = await simulate({ seed, rates, workers: 4, attempts: 4, operators: 3, requests: 6 });
      expect(report.wrong, `seed ${seed}`).toEqual([]);
      for (const entry of report.entries) kinds.add(entry.kind);
      fenced += report.fenced;
      unknownOutcomes += report.unknownOutcomes;
    }
    expect(fenced).toBeGreaterThan(5);
    expect(unknownOutcomes).toBeGreaterThan(0);
    for (const kind of [
      'claimed',
      'restored',
      'checkpoint',
      'released',
      'completed',
      'failed',
      'paused',
      'cancelled',
      'resume-requested',
      'forked',
      'pinned',
      'prune-requested',
      'ticketed',
    ]) {
      expect(kinds, kind).toContain(kind);
    }
  });

  it('are judged by checks that a simple right append passes', async () => {
    await fc.assert(holdsWith(simpleJournal({})), { numRuns: 40 });
  });

  it('would be caught writing a body that was decided before the last slot was read', async () => {
    const { failed, counterexample } = await fc.check(holdsWith(simpleJournal({ keepsItsBody: true })), {
      numRuns: 120,
      endOnFailure: true,
    });
    expect(failed).toBe(true);
    expect(counterexample).not.toBeNull();
  });

  it('would be caught taking their own entry for another\u2019s after a lost answer', async () => {
    const { failed } = await fc.check(holdsWith(simpleJournal({ forgetsItsNonce: true })), {
      numRuns: 120,
      endOnFailure: true,
    });
    expect(failed).toBe(true);
  });
});
