import type { SavePolicySpec } from '../contract/job-spec.ts';
import { type SimulationOptions, flushSecondsOf } from './simulation-options.ts';

/** A way to train on machines that are taken away. */
export interface Strategy {
  readonly name: string;
  /** Decided by the product's own policies, whoever's strategy it is. */
  readonly save: SavePolicySpec;
  /** True: training stands still until the checkpoint is durable. */
  readonly isSynchronous: boolean;
  /** What a notice leads to: nothing; a checkpoint at once, and no further step; or one as late as it may be. */
  readonly onNotice: 'nothing' | 'stop' | 'train-on';
}

/** Less than any step: a save is due whenever none is under way. */
const alwaysDueSeconds = 1e-3;

/**
 * Ours and its peers. Young/Daly's interval is `sqrt(2 C μ)` with the time of a whole save and the mean up-time of these
 * very traces, which nobody knows in advance: the best that it can be.
 */
export function strategiesFor(options: SimulationOptions, meanUp: number): readonly Strategy[] {
  const daly = Math.sqrt(2 * (flushSecondsOf(options) + options.stallSeconds) * meanUp);
  const blind = { isSynchronous: true, onNotice: 'nothing' } as const;
  return [
    { name: 'holdfast', save: options.save, isSynchronous: false, onNotice: 'train-on' },
    { name: 'stop at the notice', save: options.save, isSynchronous: false, onNotice: 'stop' },
    {
      name: 'continuous',
      save: { everySeconds: alwaysDueSeconds },
      isSynchronous: false,
      onNotice: 'nothing',
    },
    { name: 'Young/Daly', save: { everySeconds: daly }, ...blind },
    { name: 'every 15 min', save: { everySeconds: 15 * 60 }, ...blind },
    { name: 'every 60 min', save: { everySeconds: 60 * 60 }, ...blind },
  ];
}
