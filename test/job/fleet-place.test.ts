import { beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError } from '../../lib/base/errors.ts';
import { type Log, silentLog } from '../../lib/base/log.ts';
import { FleetPlace } from '../../job/fleet-place.ts';
import { FakeMembership } from '../support/fake-membership.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';

let clock: ManualClock;
let member: FakeMembership;
let place: FleetPlace;
let said: string[];

beforeEach(() => {
  clock = manualClock();
  member = new FakeMembership();
  said = [];
  const log: Log = { ...silentLog, warn: (event) => void said.push(event) };
  place = new FleetPlace({ membership: member, clock, log });
});

const work = (step: number, jobId = 'job') => ({ jobId, step });

describe('protection', () => {
  it('is on from the claim until the queue has no job, and stays on between two jobs', async () => {
    place.claimed(work(0));
    await clock.advance(0);
    expect(member.isProtected).toBe(true);
    place.claimed(work(0, 'next'));
    await clock.advance(10_000);
    expect(member.asked.filter((name) => name !== 'label')).toEqual(['protect']);
    place.idles();
    place.idles();
    await clock.advance(10_000);
    expect(member.isProtected).toBe(false);
    expect(member.count('unprotect')).toBe(1);
  });

  it('is taken off once by a worker that finds no job at first: its instance may be protected from birth', async () => {
    place.idles();
    await clock.advance(0);
    place.idles();
    await clock.advance(60_000);
    expect(member.asked).toEqual(['unprotect']);
  });

  it('is asked for until the instance is in service, ever less often', async () => {
    member.fail(/^protect$/);
    place.claimed(work(0));
    await clock.advance(0);
    expect(member.count('protect')).toBe(1);
    await clock.advance(2_000 + 4_000 + 8_000);
    expect(member.count('protect')).toBe(4);
    member.failing = undefined;
    await clock.advance(16_000);
    expect(member.isProtected).toBe(true);
    await clock.advance(600_000);
    expect(member.count('protect')).toBe(5);
    expect(said).toEqual([]);
  });

  it('is given up at last, said once, and asked for again for the next job', async () => {
    member.fail(/^protect$/);
    place.claimed(work(0));
    await clock.advance(3_600_000);
    expect(member.count('protect')).toBe(15);
    expect(said).toEqual(['wish-given-up']);
    member.failing = undefined;
    place.idles();
    await clock.advance(60_000);
    place.claimed(work(0, 'next'));
    await clock.advance(60_000);
    expect(member.isProtected).toBe(true);
  });

  it('is not asked for twice where access is denied', async () => {
    member.fail(/./, new AccessDeniedError('EC2 Auto Scaling refused access:'));
    place.claimed(work(0));
    await clock.advance(600_000);
    expect(member.count('protect')).toBe(1);
    expect(said).toContain('wish-given-up');
  });

  it('skips wishes that were overtaken while the service was away', async () => {
    member.fail(/protect/);
    place.claimed(work(0));
    await clock.advance(0);
    place.idles();
    place.claimed(work(0));
    place.idles();
    member.failing = undefined;
    await clock.advance(2_000);
    expect(member.asked.filter((name) => name !== 'label')).toEqual(['protect', 'unprotect']);
  });

  it('is dropped for good after the checkpoint of a recommendation where a replacement was started', async () => {
    member.startsReplacements = true;
    place.claimed(work(0));
    await clock.advance(0);
    place.savedAtRisk();
    await clock.advance(0);
    expect(member.isProtected).toBe(false);
    place.claimed(work(0, 'next'));
    await clock.advance(60_000);
    expect(member.isProtected).toBe(false);
    expect(member.count('protect')).toBe(1);
  });

  it('stays on after a recommendation where nothing was started, also for the next job', async () => {
    place.claimed(work(0));
    await clock.advance(0);
    place.savedAtRisk();
    await clock.advance(0);
    expect(member.isProtected).toBe(true);
    place.idles();
    await clock.advance(0);
    place.claimed(work(0, 'next'));
    await clock.advance(0);
    expect(member.isProtected).toBe(true);
  });
});

describe('the label', () => {
  it('comes some time after the claim, so that nothing waits for its client', async () => {
    place.claimed(work(0));
    await clock.advance(14_999);
    expect(member.labels).toEqual([]);
    await clock.advance(1);
    expect(member.labels).toEqual([work(0)]);
  });

  it('is written once a minute at most, with the newest checkpoint, and only when it changed', async () => {
    place.claimed(work(0));
    for (let step = 1; step <= 300; step++) {
      place.saved(work(step));
      await clock.advance(1_000);
    }
    expect(member.labels.map((label) => label?.step)).toEqual([15, 75, 135, 195, 255]);
    await clock.advance(600_000);
    expect(member.labels.map((label) => label?.step)).toEqual([15, 75, 135, 195, 255, 300]);
  });

  it('is taken off when the queue has no job any more', async () => {
    place.claimed(work(0));
    await clock.advance(120_000);
    place.idles();
    await clock.advance(60_000);
    expect(member.labels).toEqual([work(0), undefined]);
    place.idles();
    await clock.advance(120_000);
    expect(member.labels).toHaveLength(2);
  });

  it('never appears for a job that was over at once', async () => {
    place.claimed(work(0));
    await clock.advance(5_000);
    place.idles();
    await clock.advance(120_000);
    expect(member.labels.filter((label) => label !== undefined)).toEqual([]);
  });
});

describe('once the end is announced', () => {
  it('nothing is asked for any more', async () => {
    member.fail(/^protect$/);
    place.claimed(work(0));
    await clock.advance(10_000);
    const asked = member.asked.length;
    await place.standDown();
    place.saved(work(1));
    place.savedAtRisk();
    await clock.advance(600_000);
    expect(member.asked).toHaveLength(asked);
    expect(clock.sleepers).toBe(0);
  });

  it('a hook is asked for until it waits, and then no more', async () => {
    member.hookWaitsAfter = 3;
    const done = place.completeTermination();
    await clock.advance(60_000);
    await done;
    expect(member.count('complete')).toBe(4);
    expect(said).toEqual([]);
  });

  it.each([
    ['a hook that never waits is left to its own time', () => (member.hookWaitsAfter = 1_000), 30],
    ['a hook is left alone where access is denied', () => member.fail(/./, new AccessDeniedError('no')), 1],
    ['a service that is away is asked for a minute', () => member.fail(/./), 30],
  ])('%s', async (_, arrange, calls) => {
    arrange();
    const done = place.completeTermination();
    await clock.advance(120_000);
    await done;
    expect(member.count('complete')).toBe(calls);
    expect(said.length).toBeGreaterThan(0);
  });
});

describe('what fails', () => {
  it('is never thrown at a worker', async () => {
    member.fail(/./, new Error('a fault of ours'));
    place.claimed(work(0));
    await clock.advance(120_000);
    await expect(place.retire({ replaced: false })).resolves.toBe('needed');
    await expect(place.isOutdated()).resolves.toBe(false);
    await expect(place.reportUnhealthy()).resolves.toBeUndefined();
    await expect(place.completeTermination()).resolves.toBeUndefined();
  });

  it('is reported three times at most, seconds apart', async () => {
    member.fail(/report/);
    const done = place.reportUnhealthy();
    await clock.advance(4_000);
    await done;
    expect(member.count('report')).toBe(3);
  });
});

it('ends its background and its connection when it is disposed', async () => {
  {
    await using disposed = place;
    disposed.claimed(work(0));
  }
  expect(member.isClosed).toBe(true);
  expect(clock.sleepers).toBe(0);
});
