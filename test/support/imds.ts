import { seededRandom } from '../../lib/base/random.ts';
import type { Instance } from '../../lib/contract/journal-entry.ts';
import { ImdsClient } from '../../lib/interruption/imds-client.ts';
import { ImdsServer } from '../../local/imds-server.ts';
import { manualClock, type ManualClock } from './manual-clock.ts';

export const anInstance: Instance = { id: 'i-0123456789abcdef0', type: 'g5.xlarge', zone: 'eu-central-1b' };

export interface ImdsWorld extends AsyncDisposable {
  readonly server: ImdsServer;
  readonly client: ImdsClient;
  /** Of the server: dates of answers, ends of tokens. */
  readonly serverClock: ManualClock;
  /** Of the client: time-outs, and what it believes of its token. */
  readonly clientClock: ManualClock;
}

/** A metadata service and a client of it, over real HTTP, each with a clock that the test moves. */
export async function imdsWorld(): Promise<ImdsWorld> {
  const serverClock = manualClock(new Date('2030-05-05T12:00:00.250Z'));
  // The client's wall clock is an hour off: nothing may rest on it.
  const clientClock = manualClock(new Date('2030-05-05T13:00:00Z'));
  const server = await ImdsServer.start({
    instance: anInstance,
    clock: serverClock,
    random: seededRandom(1),
  });
  const client = new ImdsClient({ endpoint: server.endpoint, clock: clientClock });
  return {
    server,
    client,
    serverClock,
    clientClock,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
