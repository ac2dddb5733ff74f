/** Tells histories, one after the other, until one of them breaks a rule. The entry of a bundle, in a thread of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { runHistory } from '../run-history.ts';
import type { Hunt, HuntMessage } from './hunt.ts';
import { roughPlan } from './rough-plan.ts';

const { seeds } = workerData as Hunt;
const say = (message: HuntMessage): void => parentPort?.postMessage(message, []);

for (const seed of seeds) {
  const { violations } = await runHistory(seed, { plan: roughPlan(seed) });
  say({ seed, violations });
  if (violations.length > 0) break;
}
