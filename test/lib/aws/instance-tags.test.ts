import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { openAutoScalingMembership } from '../../../lib/aws/auto-scaling-membership.ts';

vi.mock('../../../lib/aws/instance-tags.ts', () => ({
  openInstanceTags() {
    throw new Error('the EC2 client cannot be loaded');
  },
}));

const unheard: unknown[] = [];
const hear = (error: unknown): void => void unheard.push(error);
process.on('unhandledRejection', hear);
afterEach(() => void process.off('unhandledRejection', hear));

it('ends no process because labels cannot be written: that was said when they were asked for', async () => {
  const member = await openAutoScalingMembership({ group: 'g', instanceId: 'i-1', region: 'eu-north-1' });
  await expect(member.label({ jobId: 'job', step: 1 })).rejects.toThrow('cannot be loaded');
  member.close();
  for (let turns = 0; turns < 3; turns++) await turn();
  expect(unheard).toEqual([]);
});
