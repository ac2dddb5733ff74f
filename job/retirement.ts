import { messageOf } from '../lib/base/errors.ts';
import type { World } from './world.ts';

/**
 * A worker that was idle for its time: it takes its instance out of the fleet, which shrinks. False: the fleet is at its
 * minimum and keeps the instance, unless others of it are started from a newer template by now, which then take its place.
 */
export async function leaveIdle({ fleet }: World): Promise<boolean> {
  if ((await fleet.retire({ replaced: false })) !== 'needed') return true;
  return (await fleet.isOutdated()) && (await fleet.retire({ replaced: true })) !== 'needed';
}

/**
 * Between two jobs: an instance of an old launch template makes way. Where jobs wait a new one starts in its place, else
 * the fleet shrinks by it as far as it may.
 */
export async function makeWay(world: World): Promise<boolean> {
  const { fleet } = world;
  if (!(await fleet.isOutdated())) return false;
  const waiting = await jobsWait(world);
  if (waiting === undefined) return false;
  if (!waiting && (await fleet.retire({ replaced: false })) !== 'needed') return true;
  return (await fleet.retire({ replaced: true })) !== 'needed';
}

/** Undefined when the queue cannot be asked: then the old template is good for one more job. */
async function jobsWait({ queue, log }: World): Promise<boolean | undefined> {
  try {
    return (await queue.depth()).visible > 0;
  } catch (error) {
    // Whatever is wrong with the queue, the next receive meets it and decides.
    log.warn('depth-unknown', { message: messageOf(error) });
    return undefined;
  }
}
