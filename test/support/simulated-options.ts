import { simulationOptions, type SimulationOptions } from '../../lib/simulation/simulation-options.ts';

/** Numbers that can be computed by hand: a flush and a raw download take 1 s, a step 1 s, a boot 100 s. */
export function roundOptions(facts: Partial<SimulationOptions> = {}): SimulationOptions {
  return simulationOptions({
    stateBytes: 1e9,
    bandwidthBytesPerSecond: 1e9,
    uploadFactor: 1,
    downloadFactor: 1,
    requestSeconds: 0,
    stallSeconds: 0,
    stepSeconds: 1,
    bootSeconds: 100,
    noticeSeenSeconds: 0,
    missedShare: 0,
    repeats: 1,
    ...facts,
  });
}
