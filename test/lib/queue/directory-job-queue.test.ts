import { mkdir, readFile, readdir, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { UsageError } from '../../../lib/base/errors.ts';
import {
  type DirectoryJobQueue,
  type DirectoryQueuePorts,
  openDirectoryJobQueue,
} from '../../../lib/queue/directory-job-queue.ts';
import type { QueueMessage } from '../../../lib/queue/job-queue.ts';
import { nameOfMessage, parseMessageName } from '../../../lib/queue/message-files.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { scratchFolder } from '../../support/scratch-folder.ts';
import { describeJobQueue } from './job-queue-contract.ts';

describeJobQueue(
  'DirectoryJobQueue on real time',
  async () => {
    const { dir, remove } = await scratchFolder();
    return { queue: await openDirectoryJobQueue(pathToFileURL(dir).href), cleanUp: remove };
  },
  { staleHandles: 'refused' },
);

describeJobQueue(
  'DirectoryJobQueue on a manual clock',
  async () => {
    const { dir, remove } = await scratchFolder();
    const clock = manualClock();
    const queue = await openDirectoryJobQueue(pathToFileURL(dir).href, { clock });
    return { queue, advance: clock.advance, cleanUp: remove };
  },
  { staleHandles: 'refused' },
);

const take = async (queue: DirectoryJobQueue, visibilityMs = 60_000): Promise<QueueMessage | undefined> =>
  queue.receive({ waitMs: 0, visibilityMs });

describe('DirectoryJobQueue', () => {
  let folder: Awaited<ReturnType<typeof scratchFolder>>;
  beforeEach(async () => {
    folder = await scratchFolder();
  });
  afterEach(async () => folder.remove());

  const open = async (ports: DirectoryQueuePorts = {}): Promise<DirectoryJobQueue> =>
    openDirectoryJobQueue(pathToFileURL(folder.dir).href, ports);
  it('shows messages of one opener to another', async () => {
    const [one, other] = [await open(), await open()];
    const { messageId } = await one.send('shared');
    const message = await take(other);
    expect(message).toMatchObject({ messageId, body: 'shared' });
    expect(await one.changeVisibility(message?.receiptHandle ?? '', 0)).toBe('changed');
    expect((await take(one))?.receiveCount).toBe(2);
  });

  it('keeps a message as a file that people can read', async () => {
    const queue = await open();
    await queue.send('{"jobId":"a"}', { groupId: 'owner' });
    const [name = ''] = await readdir(join(folder.dir, 'messages'));
    const document: unknown = JSON.parse(await readFile(join(folder.dir, 'messages', name), 'utf8'));
    expect(document).toMatchObject({ format: 1, body: '{"jobId":"a"}', groupId: 'owner' });
  });

  it('sets a message aside that was received 1,000 times, and goes on to the next', async () => {
    const queue = await open();
    await queue.send('poison');
    const messages = join(folder.dir, 'messages');
    const [name = ''] = await readdir(messages);
    const state = parseMessageName(name);
    if (state === undefined) throw new Error('no message');
    await rename(join(messages, name), join(messages, nameOfMessage({ ...state, receiveCount: 999 })));
    expect((await take(queue, 0))?.receiveCount).toBe(1_000);
    await queue.send('good');
    expect((await take(queue))?.body).toBe('good');
    expect(await take(queue)).toBeUndefined();
    const [dead = ''] = await readdir(join(folder.dir, 'dead-letters'));
    expect(await readFile(join(folder.dir, 'dead-letters', dead), 'utf8')).toContain('poison');
    expect(await queue.depth()).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
  });

  it('calls a message lost whose time is over, though nobody has received it again', async () => {
    const clock = manualClock();
    const queue = await open({ clock });
    await queue.send('slow');
    const message = await take(queue, 1_000);
    await clock.advance(1_000);
    expect(await queue.changeVisibility(message?.receiptHandle ?? '', 60_000)).toBe('lost');
  });

  it('keeps a renewal and a receive at the same instant apart: one of them has the message', async () => {
    for (let round = 0; round < 20; round++) {
      const clock = manualClock();
      const [owner, rival] = [await open({ clock }), await open({ clock })];
      await owner.send('contested');
      const held = await take(owner, 1_000);
      await clock.advance(999);
      const renewal = owner.changeVisibility(held?.receiptHandle ?? '', 60_000);
      await clock.advance(1);
      const [renewed, taken] = await Promise.all([renewal, take(rival)]);
      expect([renewed, taken?.receiveCount]).toEqual(
        renewed === 'changed' ? ['changed', undefined] : ['lost', 2],
      );
      await (taken === undefined ? owner : rival).delete((taken ?? held)?.receiptHandle ?? '');
    }
  });

  it('removes what a killed sender left, once it is an hour old', async () => {
    await open();
    const left = join(folder.dir, '.temporary', 'left');
    await writeFile(left, '{"form');
    await open();
    expect(await readdir(join(folder.dir, '.temporary'))).toEqual(['left']);
    const before = new Date(systemClock.now().getTime() - 3_700_000);
    await utimes(left, before, before);
    const queue = await open();
    expect(await readdir(join(folder.dir, '.temporary'))).toEqual([]);
    expect(await take(queue)).toBeUndefined();
  });

  it('ignores files that are no messages', async () => {
    const queue = await open();
    await writeFile(join(folder.dir, 'messages', 'notes.txt'), 'mine');
    await mkdir(join(folder.dir, 'messages', 'folder'));
    expect(await take(queue)).toBeUndefined();
    expect(await queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  it('sets aside what is damaged, leaves what is newer, and goes on to what it can read', async () => {
    const queue = await open();
    const messages = join(folder.dir, 'messages');
    await queue.send('one');
    await queue.send('two');
    const [one = '', two = ''] = await readdir(messages);
    await writeFile(join(messages, one), '{"format":1,"bo');
    await writeFile(join(messages, two), '{"format":2,"envelope":{}}');
    await queue.send('whole');
    expect((await take(queue))?.body).toBe('whole');
    const [dead = ''] = await readdir(join(folder.dir, 'dead-letters'));
    expect(await readFile(join(folder.dir, 'dead-letters', dead), 'utf8')).toContain('"bo');
    expect(await queue.depth()).toEqual({ visible: 0, inFlight: 2, delayed: 0 });
  });

  it('takes only absolute file URIs without options', async () => {
    for (const uri of [
      'file:relative',
      'file://host/dir',
      'https://x',
      `file://${folder.dir}?bytesPerSecond=1`,
    ])
      await expect(openDirectoryJobQueue(uri)).rejects.toBeInstanceOf(UsageError);
  });

  it('is named by its real path, whatever link it was opened by', async () => {
    const queue = await open();
    expect(queue.uri).toMatch(/^file:\/\/\//);
    expect((await open()).uri).toBe(queue.uri);
  });
});
