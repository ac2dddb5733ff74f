import { claimJob } from '../../lib/journal/claim.ts';
import { type Files, save } from '../lib/checkpoint/files.ts';
import { type CliWorld, cliWorld } from '../support/cli-world.ts';

/** A local region with job `job`, which saved these checkpoints; their ids begin with claim 2. */
export async function worldWithCheckpoints(
  ...saves: ReadonlyArray<{ readonly step: number; readonly files: Files }>
): Promise<CliWorld> {
  const world = cliWorld();
  const journal = await world.submitted({ jobId: 'job' });
  const { store } = await world.region();
  const instance = { id: 'i-1', type: 'g5.xlarge', zone: 'eu-west-1a' };
  const result = await claimJob(journal, { ticket: 't', instance, isLive: async () => false });
  if (result.outcome !== 'claimed') throw new Error('the job was not claimed');
  for (const [index, { step, files }] of saves.entries())
    await save({ store, claim: result.claim, files, ordinal: index + 1, step });
  return world;
}
