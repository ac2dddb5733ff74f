import { describe, expect, it } from 'vitest';
import { priceNow, spotCost } from '../../../lib/client/spot-cost.ts';
import type { SpotPrice } from '../../../lib/fleet/ec2-market.ts';

const hour = (at: number): Date => new Date(Date.UTC(2030, 0, 1, at));
const price = (at: number, usdPerHour: number, zone = 'a'): SpotPrice => ({
  type: 'g5.xlarge',
  zone,
  usdPerHour,
  from: hour(at),
});
const machine = { type: 'g5.xlarge', zone: 'a', from: hour(2), to: hour(6) };

describe('what a Spot machine has cost', () => {
  it.each([
    ['one price that held before the launch', [price(0, 1)], 4],
    ['a price that changed on the way', [price(0, 1), price(4, 2)], 6],
    ['a change before the launch', [price(0, 9), price(1, 1)], 4],
    ['a history that begins late', [price(5, 1)], 4],
    ['a change after the end', [price(0, 1), price(7, 9)], 4],
    ['prices of other zones', [price(0, 1), price(3, 9, 'b')], 4],
  ])('goes by %s', (_, prices, usd) => {
    expect(spotCost(machine, prices)).toBeCloseTo(usd, 10);
  });

  it('is not known without a price, and nothing before its launch', () => {
    expect(spotCost(machine, [price(0, 1, 'b')])).toBeNull();
    expect(spotCost({ ...machine, to: hour(1) }, [price(0, 1)])).toBe(0);
  });

  it('goes on at the newest price', () => {
    expect(priceNow(machine, [price(0, 1), price(4, 2), price(5, 9, 'b')])).toBe(2);
    expect(priceNow(machine, [])).toBeNull();
  });
});
