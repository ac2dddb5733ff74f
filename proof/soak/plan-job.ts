import type { Random } from '../../lib/base/random.ts';
import type { KeepPolicySpec, SavePolicySpec } from '../../lib/contract/job-spec.ts';
import { drawOne, drawWeighted, drawWhole } from './draw.ts';
import type { Kind } from './kinds.ts';

/** What an operator does to a job while it runs. */
export type Act = 'nothing' | 'pause' | 'fork' | 'prune' | 'pin' | 'cancel' | 'tickets' | 'submit-again';

export interface PlannedJob {
  readonly jobId: string;
  readonly kind: Kind;
  readonly seed: number;
  readonly save: SavePolicySpec;
  readonly keep: Partial<KeepPolicySpec>;
  readonly act: Act;
}

export interface PlanOptions {
  readonly kinds: readonly Kind[];
  /** Seeds for each kind: 1 to this. */
  readonly seeds: number;
  readonly random: Random;
}

const actWeights: ReadonlyArray<readonly [Act, number]> = [
  ['nothing', 48],
  ['pause', 12],
  ['fork', 10],
  ['prune', 10],
  ['pin', 6],
  ['tickets', 6],
  ['submit-again', 4],
  ['cancel', 4],
];

/** Seldom enough that most jobs meet machines that die in the middle of an interval. */
const saveWeights = [
  ['steps', 6],
  ['seconds', 2],
  ['epochs', 2],
  ['adaptive', 1],
] as const;

/** An endless plan of jobs; same seed, same plan. When they save says nothing about their results. */
export function* planJobs({ kinds, seeds, random }: PlanOptions): Generator<PlannedJob, never> {
  for (let number = 1; ; number++) {
    const kind = drawOne(random, kinds);
    if (kind === undefined) throw new RangeError('a soak needs a kind of jobs');
    yield {
      jobId: `soak-${String(number).padStart(5, '0')}-${kind.name}`,
      kind,
      seed: drawWhole(random, 1, seeds),
      save: kind.isRecorded ? savePolicy(random) : {},
      keep: { last: drawWhole(random, 1, 4), best: random.next() < 0.5 },
      act: drawWeighted(random, actWeights),
    };
  }
}

function savePolicy(random: Random): SavePolicySpec {
  switch (drawWeighted(random, saveWeights)) {
    case 'steps':
      return { everySteps: drawWhole(random, 2, 30) };
    case 'seconds':
      return { everySeconds: drawWhole(random, 1, 6) / 10 };
    case 'epochs':
      return { everyEpochs: 1 };
    case 'adaptive':
      return {};
  }
}
