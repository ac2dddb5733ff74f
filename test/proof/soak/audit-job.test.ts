import { describe, expect, it } from 'vitest';
import { auditJob, jobRules } from '../../../proof/soak/audit-job.ts';
import { controlAudit } from '../../../proof/soak/control-audit.ts';
import { plantedFaults } from '../../../proof/soak/planted-faults.ts';
import { aSoakedJob, journalOf, soakedFacts, stepsFrom } from './a-soaked-job.ts';

describe('the audit of a job', () => {
  it('finds nothing in a job that is in order', () => {
    expect(auditJob(aSoakedJob())).toEqual([]);
  });

  it.each(plantedFaults.map(({ name, rule, plant }) => ({ name, rule, plant })))(
    'finds that $name',
    ({ rule, plant }) => {
      const planted = plant(aSoakedJob());
      expect(planted).toBeDefined();
      expect(auditJob(planted!).map((finding) => finding.rule)).toContain(rule);
    },
  );

  it('misses no step of a job either that was stopped on its way', () => {
    const entries = journalOf([
      ...soakedFacts.slice(0, 8),
      { kind: 'cancel-requested', by: 'somebody', claim: null },
      { kind: 'cancelled', step: 6, claim: 6 },
    ]);
    const job = aSoakedJob();
    const stopped = {
      ...job,
      entries,
      checkpoints: job.checkpoints.slice(0, 2),
      ends: ['cancelled'] as const,
    };
    const [first] = job.attempts;
    const records = (...steps: readonly [number, number]) => [
      first!,
      { claim: 6, records: stepsFrom(...steps) },
    ];
    expect(auditJob({ ...stopped, attempts: records(5, 7) })).toEqual([]);
    expect(auditJob({ ...stopped, attempts: records(6, 7) }).map(({ rule }) => rule)).toContain(
      'every step is on the line once',
    );
  });

  it('has a planted fault for each of its rules', () => {
    const planted = new Set(plantedFaults.map(({ rule }) => rule));
    expect(jobRules.filter((rule) => !planted.has(rule))).toEqual([]);
    expect([...planted].filter((rule) => !jobRules.includes(rule))).toEqual([]);
  });

  it('finds every fault in its own control', () => {
    expect(controlAudit(aSoakedJob())).toEqual({ planted: plantedFaults.length, overlooked: [] });
  });

  it('is told blind by its control when it is', () => {
    const { overlooked } = controlAudit(aSoakedJob(), (evidence) =>
      auditJob({ ...evidence, attempts: [], reference: { ...evidence.reference, steps: [] } }),
    );
    expect(overlooked).toContain('a loss is off by one bit');
    expect(overlooked).not.toContain('the result has other bytes');
  });
});
