import type { Random } from '../../lib/base/random.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { type CopiedCheckpoint, type DriveOptions, TrainerDriver } from './trainer-driver.ts';

export interface InterruptedRun {
  readonly result: CopiedCheckpoint;
  /** Steps of the checkpoints that the attempts after a kill began from. */
  readonly resumedFrom: readonly number[];
}

/**
 * Runs a program to its end in spite of `count` SIGKILLs, each at a random instant: some milliseconds after training
 * began, or after one of the next checkpoints was staged. Every attempt goes on from the newest checkpoint that was
 * staged before.
 */
export async function runInterrupted(
  options: Omit<DriveOptions, 'from'>,
  kills: { readonly count: number; readonly random: Random },
): Promise<InterruptedRun> {
  const { count, random } = kills;
  const resumedFrom: number[] = [];
  let newest: CopiedCheckpoint | undefined;
  for (let killed = 0; killed < count; killed++) {
    const driver = new TrainerDriver({ ...options, from: newest });
    if (newest !== undefined) resumedFrom.push(newest.step);
    await driver.saw('phase', ({ phase }) => phase === 'first-step');
    const staged = Math.floor(random.next() * 4);
    await Promise.race([driver.sawStaged(staged), driver.saw('done')]);
    await systemClock.sleep(random.next() * 40);
    await driver.kill();
    newest = driver.copies.at(-1) ?? newest;
  }
  const last = new TrainerDriver({ ...options, from: newest });
  resumedFrom.push(newest?.step ?? 0);
  return { result: await last.finish(), resumedFrom };
}
