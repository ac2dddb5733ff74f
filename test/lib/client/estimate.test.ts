import { describe, expect, it } from 'vitest';
import { estimateTable } from '../../../cli/estimate-table.ts';
import { AccessDeniedError } from '../../../lib/base/errors.ts';
import { estimate, type FleetEstimate } from '../../../lib/client/estimate.ts';
import type { SpotPrice } from '../../../lib/fleet/ec2-market.ts';
import { fakeEc2Market, type FakeEc2Market } from '../../support/fake-ec2-market.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';

const price = (type: string, zone: string, usdPerHour: number, hour = 1): SpotPrice => ({
  type,
  zone,
  usdPerHour,
  from: new Date(Date.UTC(2030, 0, 1, hour)),
});
const prices = [
  price('g5.xlarge', 'a', 0.2, 1),
  price('g5.xlarge', 'b', 0.4),
  price('g4dn.xlarge', 'b', 0.25),
  // The newest of a zone counts.
  price('g5.xlarge', 'a', 0.5, 2),
];
const onDemand = (known: Readonly<Record<string, number>>) => ({
  of: (types: readonly string[]) =>
    Promise.resolve(new Map(Object.entries(known).filter(([type]) => types.includes(type)))),
  close: () => {},
});

function asked(
  market: FakeEc2Market,
  options: { readonly clock?: ManualClock; readonly types?: readonly string[] } = {},
): Promise<FleetEstimate> {
  const { clock = manualClock(), types = ['g5.xlarge', 'g99.xlarge', 'g4dn.xlarge'] } = options;
  return estimate(
    { types, region: 'eu-west-1' },
    { market, prices: onDemand({ 'g5.xlarge': 1, 'g4dn.xlarge': 0.5 }), clock },
  );
}

describe('an estimate', () => {
  it('names the cheapest zone now and what Spot saves, the cheapest type first', async () => {
    const scores = [
      { region: 'us-east-1', score: 9 },
      { region: 'eu-west-1', score: 4 },
      { region: 'eu-north-1', score: 3 },
    ];
    const found = await asked(fakeEc2Market({ prices, scores }));
    expect(found).toEqual({
      region: 'eu-west-1',
      types: [
        {
          type: 'g4dn.xlarge',
          spot: { usdPerHour: 0.25, zone: 'b' },
          onDemandUsdPerHour: 0.5,
          saving: 0.5,
        },
        { type: 'g5.xlarge', spot: { usdPerHour: 0.4, zone: 'b' }, onDemandUsdPerHour: 1, saving: 0.6 },
        { type: 'g99.xlarge', spot: null, onDemandUsdPerHour: null, saving: null },
      ],
      placementScore: 4,
      betterRegions: [{ region: 'us-east-1', score: 9 }],
      notes: [],
    });
    expect(estimateTable(found)).toEqual([
      'TYPE          SPOT/H  ZONE  ON-DEMAND/H  SAVES',
      'g4dn.xlarge  $0.2500  b         $0.5000    50%',
      'g5.xlarge    $0.4000  b         $1.0000    60%',
      'g99.xlarge         ?  ?               ?      ?',
      'Chance of Spot capacity in eu-west-1: 4 of 10 (better: us-east-1 9).',
    ]);
  });

  it('leaves out what is refused, and says why in one line', async () => {
    const market = fakeEc2Market({ prices });
    market.placementScores = () => Promise.reject(new AccessDeniedError('EC2 refused access'));
    const found = await asked(market);
    expect(found.placementScore).toBeNull();
    expect(found.notes).toEqual(['placement scores are not known: EC2 refused access']);
    expect(found.types[0]).toMatchObject({ saving: 0.5 });
  });

  it('is given up after five seconds, with what is known until then', async () => {
    const clock = manualClock();
    const market = fakeEc2Market();
    market.spotPrices = () => new Promise(() => {});
    const running = asked(market, { clock });
    await clock.advance(5_000);
    const found = await running;
    expect(found.notes).toEqual([expect.stringMatching(/^Spot prices are not known: .*5000 ms/)]);
    expect(found.types.map(({ onDemandUsdPerHour }) => onDemandUsdPerHour)).toEqual([1, null, 0.5]);
    expect(clock.sleepers).toBe(0);
  });

  it('prints no table of question marks', async () => {
    const market = fakeEc2Market();
    const empty = await estimate(
      { types: ['g5.xlarge'], region: 'eu-west-1' },
      { market, prices: onDemand({}), clock: manualClock() },
    );
    expect(estimateTable(empty)).toEqual([]);
  });

  it('of types by a pattern shows the smallest twelve', async () => {
    const vcpus = Object.fromEntries(
      Array.from({ length: 20 }, (_, at) => [`g5.${at}xlarge`, 100 - at] as const),
    );
    const market = fakeEc2Market();
    market.vcpusOf = () => Promise.resolve(new Map(Object.entries(vcpus)));
    const { types } = await asked(market, { types: ['g5.*'] });
    expect(types).toHaveLength(12);
    expect(types.map(({ type }) => type)).toContain('g5.19xlarge');
    expect(types.map(({ type }) => type)).not.toContain('g5.0xlarge');
  });
});
