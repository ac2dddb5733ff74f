import { systemRandom } from '../../lib/base/random.ts';

/**
 * The seed of a run's faults: `HOLDFAST_SEED`, to play a run again, else any. Requests of several processes come in any
 * order, so that a seed brings back the share and the kinds of faults, not the very requests that meet them.
 */
export function faultSeed(): number {
  const given = process.env['HOLDFAST_SEED'];
  return given === undefined ? Math.floor(systemRandom.next() * 1e6) : Number(given);
}
