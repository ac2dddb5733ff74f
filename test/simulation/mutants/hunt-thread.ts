/** Runs histories, one after the other, until one of them breaks a rule. The entry of a bundle, in a thread of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { runHistory } from '../run-history.ts';
import type { Hunt, HuntMessage } from './hunt.ts';

const { first, last } = workerData as Hunt;
const say = (message: HuntMessage): void => parentPort?.postMessage(message, []);

for (let seed = first; seed <= last; seed++) {
  const { violations } = await runHistory(seed);
  say({ seed, violations });
  if (violations.length > 0) break;
}
