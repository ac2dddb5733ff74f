import { type Clock, pause } from '../../lib/base/clock.ts';
import { NotFoundError } from '../../lib/base/errors.ts';
import type { Random } from '../../lib/base/random.ts';
import type { SpotMarket } from '../../local/spot-market.ts';
import { drawGapMs, drawOne, drawWeighted, drawWhole } from './draw.ts';
import { killPart } from './instance-processes.ts';

/** What is done to machines. */
export type Blow =
  /** The plug is pulled, without a word. */
  | 'machine-killed'
  /** A notice; the plug is pulled at its deadline. */
  | 'noticed'
  /** The supervisor alone is killed: its trainer must not outlive it. */
  | 'worker-killed'
  /** The trainer alone is killed. */
  | 'trainer-killed'
  | 'rebalance-recommended';

const weights: ReadonlyArray<readonly [Blow, number]> = [
  ['machine-killed', 30],
  ['noticed', 30],
  ['worker-killed', 12],
  ['trainer-killed', 18],
  ['rebalance-recommended', 10],
];

export interface StormOptions {
  readonly market: SpotMarket;
  readonly random: Random;
  readonly clock: Clock;
  /** Mean time between two blows. */
  readonly everyMs: number;
  readonly signal: AbortSignal;
}

export type BlowCounts = Record<Blow, number>;

/** Strikes machines of the market at random until the signal ends it. Counts what was struck. */
export async function runStorm(options: StormOptions): Promise<BlowCounts> {
  const { random, clock, everyMs, signal } = options;
  const counts: BlowCounts = {
    'machine-killed': 0,
    noticed: 0,
    'worker-killed': 0,
    'trainer-killed': 0,
    'rebalance-recommended': 0,
  };
  while (await pause(clock, drawGapMs(random, everyMs), signal)) {
    const blow = drawWeighted(random, weights);
    if (await strike(options, blow)) counts[blow]++;
  }
  return counts;
}

/** From too short for anything to enough for everything. */
const noticeMs = [150, 5_000] as const;

async function strike({ market, random }: StormOptions, blow: Blow): Promise<boolean> {
  const chosen = drawOne(
    random,
    market.instances.filter(({ deadline }) => deadline === undefined),
  );
  const length = drawWhole(random, ...noticeMs);
  if (chosen === undefined) return false;
  const { id } = chosen.instance;
  try {
    switch (blow) {
      case 'machine-killed':
        await market.kill(id);
        return true;
      case 'noticed':
        market.interrupt(id, { noticeMs: length });
        return true;
      case 'rebalance-recommended':
        market.recommendRebalance(id);
        return true;
      case 'worker-killed':
        return killPart(id, 'worker');
      case 'trainer-killed':
        return killPart(id, 'trainer');
    }
  } catch (error) {
    // It went by itself in this very moment.
    if (error instanceof NotFoundError) return false;
    throw error;
  }
}
