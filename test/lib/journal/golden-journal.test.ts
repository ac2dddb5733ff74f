import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  entryFacts,
  entryFormatOf,
  type JournalEntry,
  parseEntry,
} from '../../../lib/contract/journal-entry.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { fold, foldEntry, foldVersion, initialState } from '../../../lib/journal/fold.ts';
import { checkInvariants } from '../../../lib/journal/invariants.ts';
import { jobStateSchema } from '../../../lib/journal/job-state-schema.ts';
import { openJournal } from '../../../lib/journal/journal.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { jobId, portsOf } from '../../support/journal-world.ts';

const golden = fileURLToPath(new URL('../../golden/', import.meta.url));
const journals = ['v1/journal', 'v1/journal-cancelled', 'v2/journal'] as const;

const filesOf = (name: string): string[] => readdirSync(`${golden}${name}`).toSorted();

function entriesOf(name: string): JournalEntry[] {
  return filesOf(name).map((file) => parseEntry(readFileSync(`${golden}${name}/${file}`), file));
}

function stateOf(name: string): unknown {
  return jobStateSchema.parse(JSON.parse(readFileSync(`${golden}${name}-state.json`, 'utf8')));
}

describe('the journals of every format', () => {
  it('hold an entry of every kind', () => {
    const kinds = journals.flatMap((name) => entriesOf(name).map(({ kind }) => kind));
    expect([...new Set(kinds)].toSorted()).toEqual(Object.keys(entryFacts).toSorted());
  });

  it.each(journals)('bear the oldest format whose readers know what they say: %s', (name) => {
    const entries = entriesOf(name);
    expect(entries.map(({ format }) => format)).toEqual(entries.map((entry) => entryFormatOf(entry)));
    expect(entries.some(({ format }) => format === 2)).toBe(name.startsWith('v2'));
  });

  it.each(journals)('fold to the state that they always folded to: %s', (name) => {
    // Where this fails on purpose, raise `foldVersion`, so that no reader takes up a hint of the older fold.
    expect(foldVersion).toBe(2);
    expect(fold(entriesOf(name), jobId)).toStrictEqual(stateOf(name));
  });

  it.each(journals)('break no rule: %s', (name) => {
    let state = initialState(jobId);
    for (const entry of entriesOf(name)) {
      expect(checkInvariants(state, entry), `slot ${entry.sequence}`).toEqual([]);
      state = foldEntry(state, entry);
    }
  });

  it.each(journals)('are read from a store under their names: %s', async (name) => {
    const store = new MemoryObjectStore();
    for (const file of filesOf(name)) {
      await store.put(`${objectKeys.journal(jobId)}${file}`, readFileSync(`${golden}${name}/${file}`));
    }
    expect((await openJournal(portsOf(store), jobId)).state).toStrictEqual(stateOf(name));
  });
});
