import { ConflictError } from '../lib/base/errors.ts';
import type { RegionPlace } from '../lib/client/locate-region.ts';
import { localMachines } from '../local/ask-region.ts';
import type { CliContext } from './context.ts';
import { regionDir } from './region-dir.ts';

/**
 * Says who would work on a job that was queued in this folder, for want of a deployment, while no region runs here. A worker
 * that was started by hand cannot be seen from here, so this is no warning.
 */
export async function suggestRegion(context: CliContext, { origin }: RegionPlace): Promise<void> {
  if (origin !== 'local') return;
  try {
    await localMachines({ dir: regionDir(context), clock: context.clock });
  } catch (error) {
    // Anything else is the answer of a region that runs. The job is queued whatever it says.
    if (!(error instanceof ConflictError)) return;
    context.terminal.suggest(
      'It is queued in this folder, where no region runs: `holdfast local`, in another terminal, works on it. For AWS, `holdfast up` comes first.',
    );
  }
}
