import { objectKeys } from '../contract/object-keys.ts';
import type { ObjectStore } from '../store/object-store.ts';

/**
 * Whether the owner has given a sign of life within `livenessMs`: its `claimed` entry or its heartbeat, by the store's
 * own clock alone, so that no machine's clock matters. A wrong answer costs work, never safety: an owner that is taken
 * for dead is fenced by the next claim.
 */
export async function isLive(
  store: ObjectStore,
  options: { readonly jobId: string; readonly claim: number; readonly livenessMs: number },
): Promise<boolean> {
  const { jobId, claim, livenessMs } = options;
  for (const key of [objectKeys.heartbeat(jobId, claim), objectKeys.journalEntry(jobId, claim)]) {
    const stored = await store.get(key);
    if (stored !== undefined && stored.serverTime.getTime() - stored.lastModified.getTime() < livenessMs) {
      return true;
    }
  }
  return false;
}
