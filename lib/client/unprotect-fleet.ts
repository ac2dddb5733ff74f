import type { WorkerGroups } from '../fleet/worker-groups.ts';

/**
 * Takes the protection from scale-in off every machine of these groups, and says how many had it. A stack is deleted by
 * scaling its groups to nothing, which passes a protected machine over and waits until its job ends, or gives up. The
 * machines hand over as at any other end: the hook of the group waits for them.
 * @throws TransientError, AccessDeniedError, UnfitError: what was protected may still be
 */
export async function unprotectFleet(
  names: readonly string[],
  groups: Pick<WorkerGroups, 'read' | 'unprotect'>,
  signal?: AbortSignal,
): Promise<number> {
  let count = 0;
  for (const { name, machines } of await groups.read(names, signal)) {
    // The others are on their way in or out, and a call that names one of them is refused as a whole.
    const held = machines.filter(({ isProtected, lifecycle }) => isProtected && lifecycle === 'InService');
    if (held.length === 0) continue;
    const ids = held.map(({ id }) => id);
    await groups.unprotect(name, ids, signal);
    count += ids.length;
  }
  return count;
}
