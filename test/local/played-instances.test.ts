import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { marketWorld } from '../support/market-world.ts';

const patient = { timeout: 10_000, interval: 5 };
/** Says how it is told of its end, and counts as long as it may. */
const script = `
  const { writeFileSync } = require('node:fs');
  const base = process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT + '/latest/';
  let count = 0;
  setInterval(() => writeFileSync(process.env.OUT + '/count', String(++count)), 2);
  const poll = async () => {
    const ttl = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' };
    const granted = await fetch(base + 'api/token', { method: 'PUT', headers: ttl });
    const headers = { 'x-aws-ec2-metadata-token': granted.ok ? await granted.text() : 'none' };
    const answer = await fetch(base + 'meta-data/spot/instance-action', { headers });
    writeFileSync(process.env.OUT + '/saw-' + answer.status, '');
    setTimeout(poll, 5);
  };
  poll();`;

describe('an instance that somebody plays with', () => {
  it('outlives a notice that is taken back, and learns of nothing while its metadata service is disturbed', async () => {
    await using world = marketWorld(script);
    const { instance } = await world.tape.nth('instance-started', 1);
    const saw = (what: string): Promise<void> =>
      vi.waitFor(() => expect(existsSync(join(world.outDir, `saw-${what}`))).toBe(true), patient);
    await saw('404');
    const spot = world.market.find(instance.id);
    spot.disturbImds({ kind: 'status', status: 500 });
    await saw('500');
    const { deadline } = world.market.interrupt(instance.id, { noticeMs: 3_000 });
    await world.tape.nth('instance-started', 2);
    spot.disturbImds(undefined);
    await saw('200');
    world.market.withdraw(instance.id);
    await vi.waitFor(() => expect(deadline.remainingMs()).toBe(0), patient);
    expect(world.market.find(instance.id)).toBe(spot);
    expect(world.tape.all('killed')).toEqual([]);
  });

  it.each(['before', 'after'])(
    'is given back, and is no failure, when its worker left for a notice %s that was taken back',
    async (left) => {
      const leaving = `setInterval(() => require('node:fs').existsSync(
        process.env.OUT + '/leave-' + process.env.HOLDFAST_INSTANCE) && process.exit(75), 5);`;
      const failureLimits = { failuresMax: 1, delayMs: 0, delayMsMax: 0, livedMs: 60_000 };
      await using world = marketWorld(leaving, { failureLimits });
      const { instance } = await world.tape.nth('instance-started', 1);
      world.market.interrupt(instance.id, { noticeMs: 60_000 });
      const second = await world.tape.nth('instance-started', 2);
      if (left === 'after') world.market.withdraw(instance.id);
      writeFileSync(join(world.outDir, `leave-${instance.id}`), '');
      await world.tape.nth('exited', 1);
      if (left === 'before') world.market.withdraw(instance.id);
      expect(await world.tape.nth('killed', 1)).toMatchObject({
        instanceId: instance.id,
        why: 'worker-ended',
      });
      // Nothing keeps the place of the next one that is lost.
      await world.market.kill(second.instance.id);
      await world.tape.nth('instance-started', 3);
      expect(world.tape.all('stopped')).toEqual([]);
    },
  );

  it('stands still while it is frozen, goes on when it is thawed, and can be killed frozen', async () => {
    await using world = marketWorld(script);
    const { instance } = await world.tape.nth('instance-started', 1);
    const count = (): number => Number(readFileSync(join(world.outDir, 'count'), 'utf8'));
    await vi.waitFor(() => expect(count()).toBeGreaterThan(0), patient);
    const spot = world.market.find(instance.id);
    spot.freeze();
    const frozenAt = count();
    await expect(
      vi.waitFor(() => expect(count()).toBeGreaterThan(frozenAt), { timeout: 60 }),
    ).rejects.toThrow();
    spot.thaw();
    await vi.waitFor(() => expect(count()).toBeGreaterThan(frozenAt), patient);
    spot.freeze();
    await world.market.kill(instance.id);
    expect(await world.tape.nth('killed', 1)).toMatchObject({ instanceId: instance.id, why: 'no-notice' });
  });

  it('stays after a notice that nobody carries out', async () => {
    await using world = marketWorld('setInterval(() => {}, 1000)');
    const { instance } = await world.tape.nth('instance-started', 1);
    const { deadline } = world.market.interrupt(instance.id, { noticeMs: 30, isCarriedOut: false });
    await world.tape.nth('instance-started', 2);
    await vi.waitFor(() => expect(deadline.remainingMs()).toBe(0), patient);
    expect(world.market.instances).toHaveLength(2);
  });
});
