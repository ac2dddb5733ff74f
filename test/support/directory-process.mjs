// One of several processes that share a directory, for tests that race and kill them. Runs the compiled drivers.
// Usage: node directory-process.mjs '{"role":…,"uri":…}'. Starts at the first byte on stdin; prints one JSON value a line.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../dist/lib/base/clock.js';
import { systemRandom } from '../../dist/lib/base/random.js';
import { openDirectoryJobQueue } from '../../dist/lib/queue/directory-job-queue.js';
import { openDirectoryObjectStore } from '../../dist/lib/store/directory-object-store.js';
import { FileLocks } from '../../dist/lib/store/file-locks.js';

const order = JSON.parse(process.argv[2] ?? '{}');
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const bytesOf = (text) => new TextEncoder().encode(text);

const roles = {
  async create({ uri, slots }) {
    const store = await openDirectoryObjectStore(uri);
    return async () => {
      for (let slot = 0; slot < slots; slot++) {
        const { outcome } = await store.createIfAbsent(`slots/${slot}`, bytesOf(String(process.pid)));
        say({ slot, outcome });
      }
    };
  },
  async increment({ uri, times }) {
    const store = await openDirectoryObjectStore(uri);
    return async () => {
      for (let done = 0; done < times;) {
        const { body, etag } = await store.get('counter');
        const next = bytesOf(String(Number(new TextDecoder().decode(body)) + 1));
        if ((await store.replaceIfMatch('counter', next, { etag })).outcome !== 'replaced') continue;
        done++;
        say({ done });
      }
    };
  },
  async write({ uri, bytes }) {
    const store = await openDirectoryObjectStore(uri);
    return async () => {
      for (let round = 0; ; round++) {
        const body = Buffer.alloc(bytes + (round % 5), 97 + (round % 26));
        await store.put('big/put', body);
        await store.createIfAbsent(`big/created-${process.pid}-${round}`, body);
        await store.delete([`big/created-${process.pid}-${round - 2}`]);
        say({ round });
      }
    };
  },
  async lock({ dir, name }) {
    const locks = await FileLocks.open(dir, { clock: systemClock, random: systemRandom });
    return async () =>
      locks.holding(name, async () => {
        say('held');
        await sleep(60_000);
      });
  },
  async send({ uri, times }) {
    const queue = await openDirectoryJobQueue(uri);
    return async () => {
      for (let index = 0; index < times; index++) say(await queue.send(`${process.pid}-${index}`));
    };
  },
  async work({ uri, visibilityMs, workMs, patienceMs }) {
    const queue = await openDirectoryJobQueue(uri);
    return async () => {
      for (;;) {
        const message = await queue.receive({ waitMs: patienceMs, visibilityMs });
        if (message === undefined) return;
        say({ received: message.messageId, body: message.body, receiveCount: message.receiveCount });
        await sleep(workMs);
        await queue.delete(message.receiptHandle);
        say({ deleted: message.messageId });
      }
    };
  },
};

const run = await roles[order.role](order);
say('ready');
await once(process.stdin, 'data');
process.stdin.destroy();
await run();
