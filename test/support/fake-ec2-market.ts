import type { Ec2Machine, Ec2Market, PlacementScore, SpotPrice } from '../../lib/fleet/ec2-market.ts';

export interface FakeEc2MarketFacts {
  readonly machines?: ReadonlyArray<Partial<Ec2Machine> & { readonly id: string }>;
  readonly prices?: readonly SpotPrice[];
  readonly scores?: readonly PlacementScore[];
  readonly vcpus?: Readonly<Record<string, number>>;
  readonly zones?: Readonly<Record<string, readonly string[]>>;
  /** Instances that bear a mark from before. */
  readonly marked?: readonly string[];
}

export type FakeEc2Market = { -readonly [Method in keyof Ec2Market]: Ec2Market[Method] } & {
  readonly marked: readonly string[];
};

/** EC2 as a test says that it is. Methods may be replaced, to fail. */
export function fakeEc2Market(facts: FakeEc2MarketFacts = {}): FakeEc2Market {
  const marked = new Set(facts.marked);
  const machines = (facts.machines ?? []).map((machine) => ({
    type: 'g5.xlarge',
    zone: 'eu-west-1a',
    state: 'running',
    isSpot: true,
    launchedAt: undefined,
    tags: new Map<string, string>(),
    ...machine,
  }));
  return {
    get marked() {
      return [...marked];
    },
    spotPrices: ({ types }) =>
      Promise.resolve((facts.prices ?? []).filter(({ type }) => types.includes(type))),
    zonesOf: (types) => Promise.resolve(new Map(types.map((type) => [type, facts.zones?.[type] ?? []]))),
    vcpusOf: (types) =>
      Promise.resolve(new Map(Object.entries(facts.vcpus ?? {}).filter(([type]) => types.includes(type)))),
    placementScores: () => Promise.resolve(facts.scores ?? []),
    machines: (ids) => Promise.resolve(machines.filter(({ id }) => ids.includes(id))),
    taggedMachines: () => Promise.resolve([...marked]),
    setTag: (id) => Promise.resolve(void marked.add(id)),
    removeTag: (id) => Promise.resolve(void marked.delete(id)),
    close: () => {},
  };
}
