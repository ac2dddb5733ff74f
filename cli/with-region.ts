import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { NotFoundError } from '../lib/base/errors.ts';
import { locateRegion, type RegionPlace } from '../lib/client/locate-region.ts';
import { openRegion, type Region } from '../lib/client/region.ts';
import type { CliContext } from './context.ts';

export interface WithRegionOptions {
  /** Make the folder of a store that is not there yet. Only a command that queues something may: reading leaves no trace. @default false */
  readonly creates?: boolean;
}

/**
 * Opens the region that a command line means, and closes it whatever happens.
 * @throws NotFoundError when the store is a folder that does not exist
 */
export async function withRegion<Result>(
  context: CliContext,
  use: (region: Region) => Promise<Result>,
  { creates = false }: WithRegionOptions = {},
): Promise<Result> {
  const { clock, random } = context;
  const place = await placeOf(context);
  if (!creates && isMissing(place)) {
    throw new NotFoundError('there is no store here yet.', {
      facts: { store: place.store },
      hint: '`holdfast submit` makes one; --store, --queue and --dir name another.',
    });
  }
  const region = await openRegion(place, { clock, random });
  try {
    return await use(region);
  } finally {
    await region.close();
  }
}

/** The local region that is meant when nobody names one, before anything was ever queued in it. */
export async function isUntouched(context: CliContext): Promise<boolean> {
  const place = await placeOf(context);
  return place.origin === 'local' && isMissing(place);
}

/** Where the region that a command line means is. */
export function placeOf({ options, cwd, env }: CliContext): Promise<RegionPlace> {
  const { store, queue, dir } = options;
  return locateRegion({ store, queue, dir, cwd, env });
}

/** The store is a folder that does not exist. */
export function isMissing({ store }: RegionPlace): boolean {
  const [folder = store] = store.split('?', 1);
  return folder.startsWith('file:') && !existsSync(fileURLToPath(folder));
}
