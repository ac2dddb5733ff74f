import { locateRegion } from '../lib/client/locate-region.ts';
import { openRegion, type Region } from '../lib/client/region.ts';
import type { CliContext } from './context.ts';

/** Opens the region that a command line means, and closes it whatever happens. */
export async function withRegion<Result>(
  context: CliContext,
  use: (region: Region) => Promise<Result>,
): Promise<Result> {
  const { options, cwd, env, clock, random } = context;
  const { store, queue, dir } = options;
  const region = await openRegion(await locateRegion({ store, queue, dir, cwd, env }), { clock, random });
  try {
    return await use(region);
  } finally {
    await region.close();
  }
}
