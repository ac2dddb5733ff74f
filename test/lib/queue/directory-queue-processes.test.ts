import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { type DirectoryJobQueue, openDirectoryJobQueue } from '../../../lib/queue/directory-job-queue.ts';
import { DirectoryProcess, startTogether } from '../../support/directory-processes.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';

/** The values of one field over all that the processes said. */
const heard = (processes: readonly DirectoryProcess[], field: string): readonly string[] =>
  processes.flatMap(({ said }) =>
    said.flatMap((line) =>
      typeof line === 'object' && line !== null && field in line ? String(Reflect.get(line, field)) : [],
    ),
  );

describe('a directory queue that several processes share', () => {
  let folder: Awaited<ReturnType<typeof scratchFolder>>;
  let queue: DirectoryJobQueue;
  let uri: string;
  beforeEach(async () => {
    folder = await scratchFolder();
    uri = pathToFileURL(folder.dir).href;
    queue = await openDirectoryJobQueue(uri);
  });
  afterEach(async () => folder.remove());

  const sendMany = async (count: number): Promise<readonly string[]> => {
    const sent = await Promise.all(Array.from({ length: count }, async (_, index) => queue.send(`${index}`)));
    return sent.map(({ messageId }) => messageId).toSorted();
  };

  it('gives each of 60 messages to exactly one of four processes', async () => {
    const sent = await sendMany(60);
    const processes = await startTogether(4, {
      role: 'work',
      uri,
      visibilityMs: 60_000,
      workMs: 10,
      patienceMs: 0,
    });
    await Promise.all(processes.map(async (each) => each.ends()));
    expect(heard(processes, 'received').toSorted()).toEqual(sent);
    expect(processes.filter(({ said }) => said.length > 0).length).toBeGreaterThan(1);
    expect(await queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  it('loses no message when receivers are killed at random instants', async () => {
    const seed = 11;
    const random = seededRandom(seed);
    const sent = await sendMany(30);
    const order = { role: 'work', uri, visibilityMs: 300, workMs: 5, patienceMs: 0 };
    const all: DirectoryProcess[] = [];
    for (let round = 0; round < 3; round++) {
      const processes = await startTogether(2, { ...order, patienceMs: 1_000 });
      all.push(...processes);
      await systemClock.sleep(random.next() * 50);
      await Promise.all(processes.map(async (each) => each.kill()));
    }
    const last = new DirectoryProcess({ ...order, patienceMs: 700 });
    await last.go();
    await last.ends();
    all.push(last);
    expect([...new Set(heard(all, 'received'))].toSorted(), `seed ${seed}`).toEqual(sent);
    expect(await queue.depth(), `seed ${seed}`).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  it('keeps every message whose send was answered, and only whole ones, when senders are killed', async () => {
    const random = seededRandom(5);
    const senders = await startTogether(3, { role: 'send', uri, times: 1_000_000 });
    await Promise.all(senders.map(async (each) => each.says(1)));
    for (const sender of senders) {
      await systemClock.sleep(random.next() * 40);
      await sender.kill();
    }
    const answered = heard(senders, 'messageId');
    const received = new Set<string>();
    for (;;) {
      const message = await queue.receive({ waitMs: 0, visibilityMs: 60_000 });
      if (message === undefined) break;
      expect(message.body).toMatch(/^\d+-\d+$/);
      received.add(message.messageId);
      await queue.delete(message.receiptHandle);
    }
    expect(answered.filter((id) => !received.has(id))).toEqual([]);
    expect(received.size).toBeLessThanOrEqual(answered.length + senders.length);
  });
});
