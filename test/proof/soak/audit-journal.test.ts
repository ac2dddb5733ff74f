import { describe, expect, it } from 'vitest';
import type { EntryFacts } from '../../../lib/contract/journal-entry.ts';
import { auditJournal } from '../../../proof/soak/audit-journal.ts';
import { commit, instance, journalOf, soakedFacts } from './a-soaked-job.ts';

type Facts = EntryFacts & { readonly claim: number | null };

function rulesBrokenBy(
  facts: readonly Facts[],
  end: 'completed' | 'cancelled' = 'completed',
): readonly string[] {
  const findings = auditJournal({ jobId: 'soaked', entries: journalOf(facts), end });
  return [...new Set(findings.map(({ rule }) => rule))];
}

/** After slot 5 the first attempt has committed step 4. */
const begun = soakedFacts.slice(0, 5);
const request = { by: 'operator', claim: null } as const;
const restored = { kind: 'restored', bytes: 0, elapsedMs: 1 } as const;
const claimed = (claim: number): Facts => ({ kind: 'claimed', ticket: 't-2', instance, claim });
const completed = (claim: number, checkpoint: string): Facts => ({
  kind: 'completed',
  checkpoint,
  step: 8,
  epoch: 4,
  reason: '',
  metrics: {},
  claim,
});

describe('the audit of a journal', () => {
  it('takes a pause, a resume and a prune for what they are', () => {
    const facts: Facts[] = [
      ...begun,
      { kind: 'pause-requested', ...request },
      { kind: 'paused', step: 4, claim: 2 },
      { kind: 'resume-requested', ...request },
      claimed(9),
      { ...restored, checkpoint: '2-2-step4', step: 4, claim: 9 },
      { kind: 'prune-requested', checkpoints: ['2-1-step2'], ...request },
      { kind: 'pruned', checkpoints: ['2-1-step2'], claim: 9 },
      commit({ claim: 9, ordinal: 1, step: 8 }),
      completed(9, '9-1-step8'),
    ];
    expect(rulesBrokenBy(facts)).toEqual([]);
  });

  it('takes a roll-back for no lost work, and what it left behind for no place to begin', () => {
    const rolledBack: Facts[] = [
      ...begun,
      { kind: 'pause-requested', ...request },
      { kind: 'paused', step: 4, claim: 2 },
      { kind: 'resume-requested', from: '2-1-step2', ...request },
      claimed(9),
      { ...restored, checkpoint: '2-1-step2', step: 2, claim: 9 },
      commit({ claim: 9, ordinal: 1, step: 3 }),
      claimed(12),
    ];
    const after = (checkpoint: string, step: number): Facts[] => [
      ...rolledBack,
      { ...restored, checkpoint, step, claim: 12 },
      commit({ claim: 12, ordinal: 1, step: 8 }),
      completed(12, '12-1-step8'),
    ];
    expect(rulesBrokenBy(after('9-1-step3', 3))).toEqual([]);
    expect(rulesBrokenBy(after('2-2-step4', 4))).toEqual(['no committed work is lost']);
  });

  it('finds a job that is cancelled when it had to be completed', () => {
    const facts: Facts[] = [
      ...begun,
      { kind: 'cancel-requested', ...request },
      { kind: 'cancelled', step: 4, claim: 2 },
    ];
    expect(rulesBrokenBy(facts, 'cancelled')).toEqual([]);
    expect(rulesBrokenBy(facts)).toEqual(['every job ends']);
  });

  it('finds a fork that began before it had its checkpoint', () => {
    const [first, ...rest] = soakedFacts;
    const forkedFrom = { jobId: 'parent', checkpoint: '2-1-step2', step: 2 };
    const facts = [{ ...first, forkedFrom } as Facts, ...rest];
    expect(rulesBrokenBy(facts)).toContain('no committed work is lost');
  });

  it('finds a checkpoint dropped that a fork holds, or that is pinned', () => {
    const dropped: Facts = { kind: 'pruned', checkpoints: ['2-1-step2'], claim: 2 };
    const held: Facts = { kind: 'forked', checkpoint: '2-1-step2', child: 'child', claim: null };
    const pinned: Facts = { kind: 'pinned', checkpoint: '2-1-step2', ...request };
    const unpinned: Facts = { kind: 'unpinned', checkpoint: '2-1-step2', ...request };
    const rule = 'nothing is dropped that must stay';
    expect(rulesBrokenBy([...begun, held, dropped])).toContain(rule);
    expect(rulesBrokenBy([...begun, pinned, dropped])).toContain(rule);
    expect(rulesBrokenBy([...begun, pinned, unpinned, dropped])).not.toContain(rule);
  });
});
