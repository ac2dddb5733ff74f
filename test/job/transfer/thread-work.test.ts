import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { deferred } from '../../../lib/base/deferred.ts';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import type { FromThread } from '../../../job/transfer/thread-messages.ts';
import { ThreadWork } from '../../../job/transfer/thread-work.ts';
import { noise } from '../../lib/checkpoint/files.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-thread-work-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const bytes = 1024 * 1024;
const name = { claim: 2, ordinal: 1, step: 9 };

/** Has chunks sent from these files at once; `heard` is told each message in the turn in which it is said. */
async function sendAll(files: readonly string[], heard: (message: FromThread) => void): Promise<void> {
  const over = deferred();
  let left = files.length;
  const work: ThreadWork = new ThreadWork({
    store: new MemoryObjectStore({ clock: systemClock }),
    clock: systemClock,
    random: seededRandom(7),
    lanes: files.length,
    say: (message) => {
      heard(message);
      if (message.kind === 'hashed') work.handle({ kind: 'verdict', task: message.task, verdict: 'none' });
      if (message.kind === 'sent' || message.kind === 'unreadable') left -= 1;
      if (left === 0) over.resolve();
    },
  });
  for (const [task, file] of files.entries())
    work.handle({ kind: 'do', task, order: { kind: 'send', file, offset: 0, bytes, jobId: 'job', name } });
  await over.promise;
}

it('reads a chunk right before it is hashed, when the ones before are', async () => {
  const paths = ['a', 'b', 'c'].map((path) => join(dir, path));
  const [, second = '', third = ''] = paths;
  for (const path of paths) writeFileSync(path, noise(bytes, 1));
  const digests: string[] = [];
  await sendAll(paths, (message) => {
    if (message.kind !== 'hashed') return;
    digests.push(message.sha256);
    // Whoever had been read already would not show it.
    if (message.task === 0) writeFileSync(second, noise(bytes, 2));
    if (message.task === 1) writeFileSync(third, noise(bytes, 3));
  });
  expect(digests).toEqual([1, 2, 3].map((seed) => sha256Hex(noise(bytes, seed))));
});

it('goes on to the next chunk after one that cannot be read', async () => {
  const there = join(dir, 'there');
  writeFileSync(there, noise(bytes, 4));
  const kinds: string[] = [];
  await sendAll([join(dir, 'missing'), there], (message) => kinds.push(message.kind));
  expect(kinds).toEqual(['unreadable', 'hashed', 'sent']);
});
