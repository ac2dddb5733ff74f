import { beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError } from '../../lib/base/errors.ts';
import { silentLog } from '../../lib/base/log.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { giveBack } from '../../job/give-back.ts';
import { FakeMembership } from '../support/fake-membership.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

let clock: ManualClock;
let member: FakeMembership;
beforeEach(() => {
  clock = manualClock();
  member = new FakeMembership();
});

function given(): Promise<void> {
  const limits = { attemptsMax: 4, delayMs: 2_000, delayMsMax: 60_000 };
  return giveBack({ membership: member, clock, random: seededRandom(3), log: silentLog, limits });
}

describe('an instance that nobody works on any more', () => {
  it('is reported, and let go as soon as the group ends it minutes later', async () => {
    member.hookWaitsAfter = 100;
    const done = given();
    await clock.advance(240_000);
    await done;
    expect(member.asked.slice(0, 2)).toEqual(['report', 'complete']);
    expect(member.count('complete')).toBe(101);
    expect(member.isClosed).toBe(true);
  });

  it('is reported again while the service is away', async () => {
    member.fail(/report/);
    const done = given();
    await clock.advance(2_000);
    expect(member.count('report')).toBeGreaterThan(1);
    member.failing = undefined;
    await clock.advance(60_000);
    await done;
    expect(member.asked.at(-1)).toBe('complete');
  });

  it('is left to a person when the report is refused', async () => {
    member.fail(/report/, new AccessDeniedError('EC2 Auto Scaling refused access:'));
    await expect(given()).rejects.toBeInstanceOf(AccessDeniedError);
    expect(member.asked).toEqual(['report']);
    expect(member.isClosed).toBe(true);
  });

  it('is waited for ten minutes, and then left to the hook', async () => {
    member.hookWaitsAfter = 10_000;
    const done = given();
    await clock.advance(600_000);
    await done;
    expect(member.count('complete')).toBe(300);
  });
});
