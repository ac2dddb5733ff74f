import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { silentLog } from '../../../lib/base/log.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { downloadCheckpoint } from '../../../lib/checkpoint/download.ts';
import { folderSource } from '../../../lib/checkpoint/source.ts';
import { type UploadedCheckpoint, uploadCheckpoint } from '../../../lib/checkpoint/upload.ts';
import { DamagedObjectError } from '../../../lib/checkpoint/verified-get.ts';
import { chunkBytes } from '../../../lib/contract/manifest.ts';
import { openStore } from '../../../lib/client/region.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { ThreadedTransfer } from '../../../job/transfer/threaded-transfer.ts';
import { digestsIn, digestsOf, keysUnder, noise, text } from '../../lib/checkpoint/files.ts';

/** As if the state were so large that both pools pay; what is really moved is little, so that the test is quick. */
const large = 256 * 1024 * 1024;
const once = noise(chunkBytes, 1);
const files = {
  // The same cut three times, so that several threads meet it at once.
  'a.bin': Buffer.concat([once, noise(chunkBytes, 2), once, noise(77, 3)]),
  'folder/b.bin': Buffer.concat([once]),
  'c.json': text('{}'),
};

const dir = mkdtempSync(join(tmpdir(), 'holdfast-threads-'));
const slot = join(dir, 'slot');
const uri = pathToFileURL(join(dir, 'store')).href;
const ports = { clock: systemClock, random: seededRandom(5), log: silentLog };
let store: ObjectStore;
let transfer: ThreadedTransfer;
let inProcess: UploadedCheckpoint;
let byThreads: UploadedCheckpoint;

function upload(jobId: string, sender: ReturnType<ThreadedTransfer['senderFor']>, signal?: AbortSignal) {
  return uploadCheckpoint({
    ...ports,
    store,
    jobId,
    name: { claim: 2, ordinal: 1, step: 9 },
    source: folderSource(
      slot,
      Object.entries(files).map(([path, bytes]) => ({ path, bytes: bytes.byteLength })),
    ),
    epoch: 0,
    reason: 'policy',
    runtime: { backend: 'cpu', versions: {}, arch: 'x64' },
    compatibility: {},
    sender,
    signal: signal ?? new AbortController().signal,
  });
}

beforeAll(async () => {
  mkdirSync(join(slot, 'folder'), { recursive: true });
  for (const [path, bytes] of Object.entries(files)) writeFileSync(join(slot, path), bytes);
  store = await openStore(uri);
  transfer = new ThreadedTransfer({ ...ports, address: uri, store, cores: 3 });
  inProcess = await upload('job-p', undefined);
  byThreads = await upload('job-t', transfer.senderFor(large));
});
afterAll(async () => {
  await transfer.close();
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('checkpoints by real threads', () => {
  it('make the manifest that the process makes, and the same objects', async () => {
    const filesOf = ({ manifest }: UploadedCheckpoint): unknown =>
      JSON.parse(JSON.stringify(manifest.files).replaceAll('job-t', 'job-p'));
    expect(filesOf(byThreads)).toEqual(filesOf(inProcess));
    const keys = async (jobId: string): Promise<readonly string[]> =>
      (await keysUnder(store, `jobs/${jobId}/`)).map((key) => key.replace(jobId, 'job'));
    expect(await keys('job-t')).toEqual(await keys('job-p'));
    expect(await keys('job-t')).toHaveLength(5);
  });

  it('send a cut once that several threads meet', () => {
    expect(byThreads.newBytes).toBe(2 * chunkBytes + 77 + 2);
    expect(byThreads.bytes).toBe(4 * chunkBytes + 77 + 2);
  });

  it('go back byte for byte, by threads as by the process', async () => {
    for (const receiver of [transfer.receiverFor(large), undefined]) {
      const to = join(dir, 'restored');
      const { manifest } = byThreads;
      await downloadCheckpoint(
        { ...ports, store },
        { manifest, dir: to, receiver, signal: new AbortController().signal },
      );
      expect(digestsIn(to)).toEqual(digestsOf(files));
    }
  });

  it('are never believed when a byte is wrong, whose chunk is named', async () => {
    const [, chunk] = byThreads.manifest.files[0]!.chunks;
    const good = (await store.get(chunk!.key))!.body;
    const bad = good.slice();
    bad[4_711]! ^= 1;
    await store.put(chunk!.key, bad);
    const downloading = downloadCheckpoint(
      { ...ports, store },
      {
        manifest: byThreads.manifest,
        dir: join(dir, 'damaged'),
        receiver: transfer.receiverFor(large),
        signal: new AbortController().signal,
      },
    );
    const error: unknown = await downloading.catch((caught: unknown) => caught);
    await store.put(chunk!.key, good);
    expect(error).toBeInstanceOf(DamagedObjectError);
    expect(error).toMatchObject({ key: chunk!.key, remedy: 'fall-back' });
    expect(String(error).split(chunk!.key)).toHaveLength(2);
  });

  it('stop with the reason of an abort, and leave no manifest', async () => {
    const stop = new AbortController();
    const uploading = upload('job-a', transfer.senderFor(large), stop.signal);
    stop.abort(new Error('superseded'));
    await expect(uploading).rejects.toThrow('superseded');
    expect((await keysUnder(store, 'jobs/job-a/')).some((key) => key.endsWith('manifest.json'))).toBe(false);
  });

  it.runIf(process.platform === 'linux')('run at the lowest priority, but for the urgent ones', () => {
    const { background, urgent } = transfer.niceness;
    expect(background.filter((niceness) => niceness === 19).length).toBeGreaterThan(0);
    expect(urgent.length).toBeGreaterThan(0);
    expect(urgent.filter((niceness) => niceness === 19)).toEqual([]);
    // The word of the system, thread by thread: only the background ones have stepped back.
    const niceness = readdirSync('/proc/self/task').map((thread) => {
      const fields = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      return Number(fields[16]);
    });
    expect(niceness.filter((nice) => nice === 19)).toHaveLength(background.length);
  });
});
