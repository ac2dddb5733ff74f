/**
 * What EC2 says about machines and their prices. Read by people who decide and by the estimate of a submit; nothing of a
 * training job rests on it.
 *
 * Errors of all methods: `TransientError`, `AccessDeniedError`, `UnfitError`.
 */
export interface Ec2Market {
  /** Spot prices for Linux, the oldest first. From `since`, and what held then; without it, what holds now. */
  spotPrices(query: PriceQuery, signal?: AbortSignal): Promise<readonly SpotPrice[]>;
  /** The zones of the region that offer each type. */
  zonesOf(types: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, readonly string[]>>;
  /** A type may be a pattern, as `g5.*`; what the region does not know is left out. */
  vcpusOf(types: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, number>>;
  /** How likely one machine of these types is to be had as Spot capacity now, 1 to 10, for the ten best regions. */
  placementScores(types: readonly string[], signal?: AbortSignal): Promise<readonly PlacementScore[]>;
  /** Machines by id; those that are gone are left out. */
  machines(ids: readonly string[], signal?: AbortSignal): Promise<readonly Ec2Machine[]>;
  /** Ids of machines that run and bear this tag. */
  taggedMachines(tag: Tag, signal?: AbortSignal): Promise<readonly string[]>;
  setTag(id: string, tag: Tag, signal?: AbortSignal): Promise<void>;
  removeTag(id: string, tag: Tag, signal?: AbortSignal): Promise<void>;
  close(): void;
}

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export interface PriceQuery {
  readonly types: readonly string[];
  readonly since?: Date;
}

export interface SpotPrice {
  readonly type: string;
  readonly zone: string;
  readonly usdPerHour: number;
  /** From then on. */
  readonly from: Date;
}

export interface PlacementScore {
  readonly region: string;
  readonly score: number;
}

export interface Ec2Machine {
  readonly id: string;
  readonly type: string;
  readonly zone: string;
  /** `pending`, `running`, `shutting-down`, … */
  readonly state: string;
  readonly isSpot: boolean;
  readonly launchedAt: Date | undefined;
  readonly tags: ReadonlyMap<string, string>;
}

/** On-Demand prices by type, in USD an hour, for Linux. A type that the list does not know is left out. */
export interface OnDemandPrices {
  of(types: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, number>>;
  close(): void;
}
