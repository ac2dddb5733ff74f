/** Tells histories, one after the other, until one of them breaks a rule. The entry of a bundle, in a thread of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Violation } from '../invariants/happening.ts';
import { runHistory } from '../run-history.ts';
import { roughPlan } from './rough-plan.ts';

/** What the thread of a hunt is given. */
export interface Hunt {
  /** In the order in which they are tried. */
  readonly seeds: readonly number[];
}

/** A history has been told. */
export interface HuntMessage {
  readonly seed: number;
  readonly violations: readonly Violation[];
}

const { seeds } = workerData as Hunt;
const say = (message: HuntMessage): void => parentPort?.postMessage(message, []);

for (const seed of seeds) {
  const { violations } = await runHistory(seed, { plan: roughPlan(seed) });
  say({ seed, violations });
  if (violations.length > 0) break;
}
