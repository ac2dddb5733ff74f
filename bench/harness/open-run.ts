import { systemClock } from '../../lib/base/clock.ts';
import { type BackendName, openBackend, type TensorFlow } from '../../lib/tfjs/backend.ts';
import { openState } from '../../lib/tfjs/open-state.ts';
import type { Training } from '../../lib/training/define-training.ts';
import type { LoopRun } from '../../lib/training/loop-run.ts';
import { planOf } from '../../lib/training/plan.ts';
import { Progress } from '../../lib/training/progress.ts';
import { installMathRandom, randomStreams } from '../../lib/training/random-streams.ts';
import type { SavableRun } from '../../lib/training/snapshot.ts';

/** A run as the trainer host opens it, but for its hooks. */
export type OpenRun = SavableRun & Omit<LoopRun, 'hooks'>;

/** Opens a training in this process by the parts that the trainer host is made of. */
export async function openRun(
  backend: BackendName,
  make: (tf: TensorFlow) => Training,
): Promise<{ readonly tf: TensorFlow; readonly run: OpenRun; readonly close: () => void }> {
  const { tf } = await openBackend(backend);
  const streams = randomStreams(1);
  const mathRandom = installMathRandom();
  // The loop does not look into batches.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const training = make(tf) as Training<unknown>;
  const state = openState(tf, training.state);
  state.forgotten();
  const run = {
    identity: { seed: 1, params: {}, inputs: {} },
    training,
    plan: planOf(training, streams),
    streams,
    mathRandom,
    state,
    progress: new Progress(),
    clock: systemClock,
  };
  return { tf, run, close: () => mathRandom.uninstall() };
}
