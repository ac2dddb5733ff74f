/** Entry of a transfer thread, started by `thread-pool.ts` from the built file. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { defined } from '../../lib/base/assert.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { systemRandom } from '../../lib/base/random.ts';
import { openStore } from '../../lib/client/region.ts';
import { lowerPriority } from './lower-priority.ts';
import type { FromThread, ThreadStart, ToThread } from './thread-messages.ts';
import { ThreadWork } from './thread-work.ts';

const port: MessagePort = defined(parentPort, 'a transfer thread has an owner');
const start: ThreadStart = workerData;
const say = (message: FromThread): void => port.postMessage(message);

// Before anything else that takes time, loading the store's driver included.
const niceness = start.niceness === undefined ? 0 : lowerPriority(start.niceness);
const store = await openStore(start.store, { clock: systemClock, random: systemRandom });
const work = new ThreadWork({ store, clock: systemClock, random: systemRandom, lanes: start.lanes, say });
port.on('message', (message: ToThread) => work.handle(message));
say({ kind: 'ready', niceness });
