import { type JobSpec, jobSpecSchema } from '../../lib/contract/job-spec.ts';

/** A spec that fits its schema, with what a test says about it. */
export function aSpec(facts: Partial<JobSpec> = {}): JobSpec {
  return jobSpecSchema.parse({
    format: 1,
    jobId: 'job-1',
    name: 'train',
    createdAt: '2030-01-01T00:00:00.000Z',
    program: { kind: 'training', sha256: 'cd'.repeat(32), source: 'train.ts' },
    ...facts,
  });
}
