import { describe, expect, it } from 'vitest';
import { TransientError } from '../../../lib/base/errors.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { interruptibleMachine, rehearseInterruption } from '../../../lib/client/rehearse-interruption.ts';
import type { Ec2Machine } from '../../../lib/fleet/ec2-market.ts';
import type { Experiment } from '../../../lib/fleet/experiments.ts';
import { fakeEc2Market } from '../../support/fake-ec2-market.ts';
import { manualClock } from '../../support/manual-clock.ts';

const spot: Partial<Ec2Machine> = {
  isSpot: true,
  tags: new Map([['aws:autoscaling:groupName', 'workers']]),
};

describe('a rehearsal is refused', () => {
  it.each([
    ['for an instance that is gone', undefined, {}, 'NOT_FOUND', 'no instance'],
    ['for one that ends already', { ...spot, state: 'shutting-down' }, {}, 'CONFLICT', 'is shutting-down'],
    ['for an On-Demand instance', { ...spot, isSpot: false }, {}, 'CONFLICT', 'On-Demand'],
    ['for an instance of somebody else', { ...spot, tags: new Map() }, {}, 'CONFLICT', 'does not belong'],
    ['while another one is under way', spot, { marked: ['i-2'] }, 'CONFLICT', 'i-2'],
  ])('%s', async (_, machine, { marked = [] }: { marked?: string[] }, code, message) => {
    const market = fakeEc2Market({
      machines: machine === undefined ? [] : [{ id: 'i-1', ...machine }],
      marked,
    });
    await expect(interruptibleMachine('i-1', { market, group: 'workers' })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  it('not for a Spot instance of the fleet, also when a rehearsal of it was cut short', async () => {
    const market = fakeEc2Market({ machines: [{ id: 'i-1', ...spot }], marked: ['i-1'] });
    expect(await interruptibleMachine('i-1', { market, group: 'workers' })).toMatchObject({ id: 'i-1' });
  });
});

describe('a rehearsal', () => {
  /** What FIS says, one answer after another; the last one for ever. */
  function stage(answers: readonly Pick<Experiment, 'status' | 'reason'>[]) {
    const clock = manualClock();
    const market = fakeEc2Market({ machines: [{ id: 'i-1', ...spot }] });
    const calls: string[] = [];
    const tokens = new Set<string>();
    const next = (call: string): Promise<Experiment> => {
      calls.push(`${call} marked=${market.marked.join()}`);
      const answer = answers[Math.min(calls.length, answers.length) - 1];
      return Promise.resolve({ id: 'EXP', status: 'failed', reason: '', ...answer });
    };
    const experiments = {
      start: ({ templateId, token }: { templateId: string; token: string }) => {
        tokens.add(token);
        return next(`start ${templateId}`);
      },
      read: (id: string) => next(`read ${id}`),
    };
    const running = rehearseInterruption(
      { templateId: 'EXT', instanceId: 'i-1' },
      { market, experiments, clock, random: seededRandom(1) },
    );
    running.catch(() => undefined);
    return { clock, market, calls, tokens, running };
  }

  it('marks the instance until FIS has found it, and no longer', async () => {
    const { clock, market, calls, running } = stage([
      { status: 'pending', reason: '' },
      { status: 'initiating', reason: '' },
      { status: 'running', reason: '' },
    ]);
    await clock.advance(60_000);
    expect(await running).toMatchObject({
      experiment: { id: 'EXP', status: 'running' },
      isMarkRemoved: true,
    });
    expect(calls).toEqual(['start EXT marked=i-1', 'read EXP marked=i-1', 'read EXP marked=i-1']);
    expect(market.marked).toEqual([]);
  });

  it('starts again where FIS does not see the mark yet, as another experiment', async () => {
    const nobody = { status: 'failed', reason: 'Target resolution returned empty set.' };
    const { clock, calls, tokens, running } = stage([nobody, nobody, { status: 'running', reason: '' }]);
    await clock.advance(60_000);
    expect(await running).toMatchObject({ experiment: { status: 'running' } });
    expect(calls).toHaveLength(3);
    expect(tokens.size).toBe(3);
  });

  it('ends with what FIS says, the mark taken off', async () => {
    const { clock, market, calls, running } = stage([
      { status: 'failed', reason: 'The role is not authorized to send interruptions.' },
    ]);
    await clock.advance(60_000);
    await expect(running).rejects.toMatchObject({
      code: 'UNFIT',
      message: expect.stringContaining('not authorized'),
    });
    expect(calls).toHaveLength(1);
    expect(market.marked).toEqual([]);
  });

  it('says so when the mark stays', async () => {
    const { clock, market, running } = stage([{ status: 'running', reason: '' }]);
    market.removeTag = () => Promise.reject(new TransientError('no answer'));
    await clock.advance(60_000);
    expect(await running).toMatchObject({ isMarkRemoved: false });
  });

  it('does not wait for ever for a mark that EC2 does not show', async () => {
    const { clock, market, calls, running } = stage([]);
    market.taggedMachines = () => Promise.resolve([]);
    await clock.advance(120_000);
    await expect(running).rejects.toMatchObject({ code: 'TRANSIENT' });
    expect(calls).toEqual([]);
    expect(market.marked).toEqual([]);
  });
});
