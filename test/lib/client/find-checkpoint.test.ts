import { beforeEach, describe, expect, it } from 'vitest';
import { NotFoundError } from '../../../lib/base/errors.ts';
import { findCheckpointByName } from '../../../lib/client/find-checkpoint.ts';
import type { EntryFacts } from '../../../lib/contract/journal-entry.ts';
import { FakeJob } from '../checkpoint/fake-job.ts';

let job: FakeJob;
beforeEach(() => {
  job = new FakeJob('job-1');
  job.claim();
});

function committed(ordinal: number, step: number, facts: Partial<EntryFacts> = {}): string {
  const id = `2-${ordinal}-step${step}`;
  job.append(
    {
      kind: 'checkpoint',
      id,
      ordinal,
      manifest: { key: `jobs/job-1/checkpoints/${id}/manifest.json`, sha256: '0'.repeat(64) },
      step,
      epoch: 0,
      example: 0,
      reason: 'policy',
      bytes: 1,
      newBytes: 1,
      elapsedMs: 1,
      ...facts,
    } as EntryFacts,
    2,
  );
  return id;
}

const found = (name: string): string => findCheckpointByName(job.state, name).id;

describe('the name of a checkpoint', () => {
  it('is its id, its step, or what it is', () => {
    const first = committed(1, 100, { best: { metric: 'accuracy', value: 0.9 } });
    const second = committed(2, 200);
    expect(found(first)).toBe(first);
    expect([found('step100'), found('100'), found('best')]).toEqual([first, first, first]);
    expect([found('step200'), found('latest')]).toEqual([second, second]);
  });

  it('by step means the newest usable one of that step, and a damaged one where it is all there is', () => {
    const first = committed(1, 100);
    const second = committed(2, 100);
    expect(found('step100')).toBe(second);
    job.append({ kind: 'quarantined', checkpoint: second, chunks: [], why: 'damaged' }, null);
    expect(found('step100')).toBe(first);
    job.append({ kind: 'quarantined', checkpoint: first, chunks: [], why: 'damaged' }, null);
    expect(found('step100')).toBe(second);
    expect(() => found('latest')).toThrow(/has no checkpoint `latest`/);
  });

  it('that nothing bears is an error which lists what there is', () => {
    expect(() => found('latest')).toThrow(NotFoundError);
    committed(1, 100);
    for (const name of ['step10', 'step1000', 'best', '', 'step', 'Step100', '2-1-step10'])
      expect(() => found(name), name).toThrow(
        expect.objectContaining({ hint: expect.stringContaining('2-1-step100') }),
      );
  });
});
