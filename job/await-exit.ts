import { type Clock, pause } from '../lib/base/clock.ts';
import type { AttemptEvent } from './attempt.ts';
import type { Mailbox } from './mailbox.ts';

/** A trainer that has ended well gets this long to close files and environments. */
const farewellMs = 5_000;

/** Resolves when the trainer's exit has come, or it has had its time. Whatever else happens meanwhile is over and done with. */
export async function awaitExit(clock: Clock, events: Mailbox<AttemptEvent>): Promise<void> {
  const heard = new AbortController();
  const isOver = pause(clock, farewellMs, heard.signal);
  for (let hasExited = false; !hasExited;) {
    if ((await Promise.race([isOver, events.arrived()])) === true) return;
    hasExited = (await events.next()).kind === 'exit';
  }
  heard.abort();
}
