import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Region } from '../../lib/client/region.ts';
import type { Manifest } from '../../lib/contract/manifest.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import type { Claim } from '../../lib/journal/claim.ts';
import type { Journal } from '../../lib/journal/journal.ts';
import { type Files, keysUnder, noise, save, text } from '../lib/checkpoint/files.ts';
import { type CliWorld, cliWorld } from '../support/cli-world.ts';
import { claimed } from '../support/journal-world.ts';

const checkpointsOf = objectKeys.checkpoints('job-1');

interface Saved {
  readonly world: CliWorld;
  readonly region: Region;
  readonly journal: Journal;
  readonly claim: Claim;
  /** The oldest first. */
  readonly ids: readonly string[];
}

/** Frozen bytes that all share, and bytes of each step's own. */
const filesAt = (step: number): Files => ({
  'frozen.bin': noise(5_000, 1),
  'own.bin': noise(1_000, step),
  'position.json': text(`{"step":${step}}`),
});

/** A job with checkpoints at these steps, whose worker is still alive. */
async function saved(steps: readonly number[]): Promise<Saved> {
  const world = cliWorld();
  const journal = await world.submitted();
  const region = await world.region();
  const { store } = region;
  const claim = await claimed(journal);
  await claim.append(() => ({ kind: 'restored', checkpoint: null, step: 0, bytes: 0, elapsedMs: 1 }));
  const ids: string[] = [];
  let parent: Manifest | undefined;
  for (const [index, step] of steps.entries()) {
    const { record, uploaded } = await save({
      store,
      claim,
      files: filesAt(step),
      ordinal: index + 1,
      step,
      parent,
      ...(index === 1 ? { best: { metric: 'accuracy', value: 0.75 } } : {}),
    });
    parent = uploaded.manifest;
    ids.push(record.id);
  }
  return { world, region, journal, claim, ids };
}

/** As it is when its machine was taken and nobody came yet. */
async function abandoned(steps: readonly number[]): Promise<Saved> {
  const job = await saved(steps);
  const step = steps.at(-1) ?? 0;
  await job.claim.append(() => ({ kind: 'released', cause: 'interrupted', step, message: 'gone' }));
  return job;
}

async function finished(steps: readonly number[]): Promise<Saved> {
  const job = await saved(steps);
  const [step = 0, checkpoint = ''] = [steps.at(-1), job.ids.at(-1)];
  await job.claim.append(() => ({ kind: 'completed', checkpoint, step, epoch: 1, reason: 'done' }));
  return job;
}

/** The key of the chunk that holds a step's own bytes. */
async function ownChunk({ region, journal }: Saved, id: string): Promise<string> {
  const record = journal.state.checkpoints.find((each) => each.id === id);
  const object = await region.store.get(record?.manifest.key ?? '');
  const manifest = JSON.parse(new TextDecoder().decode(object?.body)) as Manifest;
  return manifest.files.find(({ path }) => path === 'own.bin')?.chunks[0]?.key ?? '';
}

const idsIn = (listed: unknown): readonly string[] => (listed as { id: string }[]).map(({ id }) => id);

describe('checkpoints ls', () => {
  it('lists what is kept, the newest first, with its marks', async () => {
    const job = await saved([10, 20, 30]);
    const [first = '', second = '', third = ''] = job.ids;
    await job.world.run(['checkpoints', 'pin', 'job-1', 'step10']);
    await job.journal.append(() => ({
      kind: 'quarantined',
      checkpoint: third,
      chunks: [],
      why: 'bent',
      claim: null,
    }));
    const { code, json } = await job.world.run(['checkpoints', 'ls', 'job-1', '--json']);
    expect(code).toBe(0);
    expect(json).toMatchObject([
      {
        schemaVersion: 1,
        jobId: 'job-1',
        checkpoints: [
          { id: third, step: 30, marks: ['quarantined'], quarantined: 'bent' },
          { id: second, step: 20, marks: ['newest', 'best'], mustStay: true },
          { id: first, step: 10, marks: ['pinned'], mustStay: true },
        ],
      },
    ]);
    const { out } = await job.world.run(['checkpoints', 'ls', 'job-1']);
    expect(out).toMatch(/^CHECKPOINT +STEP +EPOCH +AGE +SIZE +NEW +SAVED FOR +MARKS$/m);
    expect(out).toMatch(new RegExp(`^${second} .* policy +newest, best accuracy 0.75$`, 'm'));
    expect(out).toContain('quarantined: bent');
  });

  it('says so of a job that has saved nothing, and of one that is not there', async () => {
    const world = cliWorld();
    await world.submitted();
    expect(await world.run(['checkpoints', 'ls', 'job-1'])).toMatchObject({ code: 0, out: '' });
    expect((await world.run(['checkpoints', 'ls', 'job-2'])).code).toBe(3);
  });
});

describe('checkpoints pin and unpin', () => {
  it('are safe to repeat, and name what there is when a name is wrong', async () => {
    const { world, journal, ids } = await saved([10, 20]);
    const [first = ''] = ids;
    const pin = ['checkpoints', 'pin', 'job-1', '10', '--json'];
    expect((await world.run(pin)).json).toMatchObject([{ checkpoint: first, pinned: true, isNew: true }]);
    expect((await world.run(pin)).json).toMatchObject([{ checkpoint: first, pinned: true, isNew: false }]);
    expect((await journal.refresh()).checkpoints[0]?.pinned).toBe(true);
    const unpin = ['checkpoints', 'unpin', 'job-1', first];
    expect((await world.run(unpin)).out).toBe(`${first} is left to the keep policy\n`);
    expect((await world.run(unpin)).out).toContain('as before');
    const wrong = await world.run(['checkpoints', 'pin', 'job-1', 'step11']);
    expect(wrong.code).toBe(3);
    expect(wrong.err).toContain(first);
  });
});

describe('checkpoints show', () => {
  it('tells what was stored, what is re-used, and what committed it', async () => {
    const { world, ids } = await saved([10, 20]);
    const [first = '', second = ''] = ids;
    const { code, json } = await world.run(['checkpoints', 'show', 'job-1', 'latest', '--json']);
    expect(code).toBe(0);
    expect(json).toMatchObject([
      {
        checkpoint: { id: second, marks: ['newest', 'best'] },
        entry: { kind: 'checkpoint', sequence: 5 },
        manifest: { parent: first, runtime: { backend: 'cpu' } },
        files: [
          { path: 'frozen.bin', bytes: 5_000, chunks: 1, newChunks: 0, codecs: ['none'] },
          { path: 'own.bin', chunks: 1, newChunks: 1 },
          { path: 'position.json', newChunks: 1 },
        ],
        reused: [{ from: first, chunks: 1, bytes: 5_000, isRetained: true }],
        trouble: null,
      },
    ]);
    const { out } = await world.run(['checkpoints', 'show', 'job-1', second]);
    expect(out).toContain(`re-uses 1 chunk (5.0 kB) of ${first}`);
    expect(out).toContain(`made after    ${first}`);
  });

  it('shows the record of one whose manifest is damaged, and what is wrong with that', async () => {
    const { world, region, journal } = await saved([10]);
    await region.store.put(journal.state.checkpoints[0]?.manifest.key ?? '', text('bent'));
    const { code, out, err } = await world.run(['checkpoints', 'show', 'job-1', 'step10']);
    expect(code).toBe(0);
    expect(out).toContain('step 10');
    expect(err).toContain('cannot be used');
  });
});

describe('checkpoints verify', () => {
  it('finds the newest whole, and with --all every one, each chunk read once', async () => {
    const job = await saved([10, 20, 30]);
    const one = await job.world.run(['checkpoints', 'verify', 'job-1', '--json']);
    expect(one.code).toBe(0);
    expect(one.json).toMatchObject([
      { checkpoints: [{ id: job.ids[2], verdict: 'good', noted: null }], dropped: [] },
    ]);
    const all = await job.world.run(['checkpoints', 'verify', 'job-1', '--all', '--json']);
    expect(idsIn(all.json[0]?.['checkpoints'])).toEqual(job.ids);
  });

  it('ends with 6 for damage, names the keys, and writes nothing unless told', async () => {
    const job = await abandoned([10, 20, 30]);
    const [first = '', second = '', third = ''] = job.ids;
    const key = await ownChunk(job, second);
    await job.region.store.put(key, text('bent'));
    const { sequence } = await job.journal.refresh();
    const found = await job.world.run(['checkpoints', 'verify', 'job-1', '--all', '--json']);
    expect(found.code).toBe(6);
    expect(found.json).toMatchObject([
      {
        checkpoints: [
          { id: first, verdict: 'good' },
          { id: second, verdict: 'damaged', keys: [key], noted: null },
          { id: third, verdict: 'good' },
        ],
      },
    ]);
    expect((await job.journal.refresh()).sequence).toBe(sequence);
    const told = await job.world.run(['checkpoints', 'verify', 'job-1', second]);
    expect(told.code).toBe(6);
    expect(told.err).toContain(key);
    expect(told.err).toContain(`holdfast checkpoints verify job-1 ${second} --quarantine`);

    const noted = await job.world.run(['checkpoints', 'verify', 'job-1', second, '--quarantine', '--json']);
    expect(noted.code).toBe(6);
    expect(noted.json).toMatchObject([{ checkpoints: [{ id: second, noted: 'quarantined' }] }]);
    expect((await job.journal.refresh()).checkpoints[1]?.quarantined).toContain('holds');
  });

  it('blames a shared chunk that is gone on everyone who needs it', async () => {
    const job = await saved([10, 20]);
    const keys = await keysUnder(job.region.store, `${checkpointsOf}${job.ids[0]}/`);
    const bodies = await Promise.all(keys.map((key) => job.region.store.head(key)));
    const frozen = bodies.find((listed) => listed?.bytes === 5_000)?.key ?? '';
    await job.region.store.delete([frozen]);
    const { code, json } = await job.world.run(['checkpoints', 'verify', 'job-1', '--all', '--json']);
    expect(code).toBe(6);
    const { checkpoints } = json[0] as { checkpoints: { verdict: string; keys: string[] }[] };
    expect(checkpoints.map(({ verdict, keys: damaged }) => [verdict, damaged])).toEqual([
      ['damaged', [frozen]],
      ['damaged', [frozen]],
    ]);
  });

  it('offers to lift the quarantine of what is whole, and lifts it with --lift', async () => {
    const job = await abandoned([10, 20]);
    const [, second = ''] = job.ids;
    await job.journal.append(() => ({
      kind: 'quarantined',
      checkpoint: second,
      chunks: [],
      why: 'bent',
      claim: null,
    }));
    const offered = await job.world.run(['checkpoints', 'verify', 'job-1', second]);
    expect(offered.code).toBe(0);
    expect(offered.err).toContain(`holdfast checkpoints verify job-1 ${second} --lift`);
    const lifted = await job.world.run(['checkpoints', 'verify', 'job-1', second, '--lift', '--json']);
    expect(lifted.json).toMatchObject([{ checkpoints: [{ verdict: 'good', noted: 'quarantine-lifted' }] }]);
    const state = await job.journal.refresh();
    expect(state.checkpoints[1]?.quarantined).toBeUndefined();
    const again = await job.world.run(['checkpoints', 'verify', 'job-1', second, '--lift', '--json']);
    expect(again.json).toMatchObject([{ checkpoints: [{ noted: null }] }]);
    expect((await job.journal.refresh()).sequence).toBe(state.sequence);
  });

  it('does not lift the quarantine of what is still damaged', async () => {
    const job = await abandoned([10, 20]);
    const [, second = ''] = job.ids;
    await job.region.store.delete([await ownChunk(job, second)]);
    await job.journal.append(() => ({
      kind: 'quarantined',
      checkpoint: second,
      chunks: [],
      why: 'bent',
      claim: null,
    }));
    const { code } = await job.world.run(['checkpoints', 'verify', 'job-1', second, '--lift']);
    expect(code).toBe(6);
    expect((await job.journal.refresh()).checkpoints[1]?.quarantined).toBe('bent');
  });

  it('has nothing to verify before anything was saved', async () => {
    const world = cliWorld();
    await world.submitted();
    const { code, err } = await world.run(['checkpoints', 'verify', 'job-1', '--all']);
    expect(code).toBe(3);
    expect(err).toContain('Nothing has been saved yet');
  });
});

describe('checkpoints prune', () => {
  it('only shows what would go and what that frees, until it is told', async () => {
    const job = await finished([10, 20, 30, 40]);
    const before = await keysUnder(job.region.store, checkpointsOf);
    const { sequence } = await job.journal.refresh();
    const asked = ['checkpoints', 'prune', 'job-1', '--keep', '1'];
    const { code, json } = await job.world.run([...asked, '--json']);
    expect(code).toBe(0);
    // The best one, at step 20, stays as well; the frozen chunk is under the first and needed by all.
    expect(json).toMatchObject([
      {
        isDryRun: true,
        checkpoints: [
          { step: 10, objects: 3 },
          { step: 30, objects: 3 },
        ],
        staying: 2,
      },
    ]);
    const { out, err } = await job.world.run(asked);
    expect(out).toMatch(/^CHECKPOINT +STEP +AGE +SIZE +FREES$/m);
    expect(err).toContain('--yes deletes');
    expect(await keysUnder(job.region.store, checkpointsOf)).toEqual(before);
    expect((await job.journal.refresh()).sequence).toBe(sequence);
  });

  it('deletes it itself where nobody works on the job, also of one that is over, and leaves what others need', async () => {
    const job = await finished([10, 20, 30]);
    const [first = '', second = '', third = ''] = job.ids;
    const planned = await job.world.run(['checkpoints', 'prune', 'job-1', 'step10', '--json']);
    const sizeOf = async (): Promise<number> =>
      (
        await Promise.all(
          (await keysUnder(job.region.store, checkpointsOf)).map((key) => job.region.store.head(key)),
        )
      ).reduce((sum, listed) => sum + (listed?.bytes ?? 0), 0);
    const before = await sizeOf();
    const { code, json } = await job.world.run([
      'checkpoints',
      'prune',
      'job-1',
      'step10',
      '--yes',
      '--json',
    ]);
    expect(code).toBe(0);
    expect(json).toMatchObject([{ isDryRun: false, outcome: 'pruned', gone: [first], pending: [] }]);
    expect(before - (await sizeOf())).toBe(planned.json[0]?.['bytes']);
    const state = await job.journal.refresh();
    expect(state.checkpoints.map(({ id }) => id)).toEqual([second, third]);
    expect(state).toMatchObject({ status: 'completed', claim: null });
    const verified = await job.world.run(['checkpoints', 'verify', 'job-1', '--all']);
    expect(verified.code).toBe(0);
    const again = await job.world.run(['checkpoints', 'prune', 'job-1', 'step10', '--yes']);
    expect(again.code).toBe(3);
  });

  it('sends a ticket after it tidied up a job that still has to run', async () => {
    const job = await abandoned([10, 20]);
    const tickets = await job.world.tickets();
    expect((await job.world.run(['checkpoints', 'prune', 'job-1', '10', '--yes'])).code).toBe(0);
    expect((await job.journal.refresh()).status).toBe('interrupted');
    expect(await job.world.tickets()).toBe(tickets + 1);
  });

  it('only asks while a worker is alive, and with --wait returns when it has answered', async () => {
    const job = await saved([10, 20]);
    const [first = ''] = job.ids;
    const asked = await job.world.run(['checkpoints', 'prune', 'job-1', '10', '--yes', '--json']);
    expect(asked.json).toMatchObject([{ outcome: 'owned', gone: [], pending: [first] }]);
    const clock = {
      ...job.region.clock,
      sleep: async () => {
        await job.journal.refresh();
        await job.claim.append(() => ({ kind: 'pruned', checkpoints: [first] }));
      },
    };
    const waited = await job.world.run(['checkpoints', 'prune', 'job-1', '10', '--yes', '--wait'], { clock });
    expect(waited.code).toBe(0);
    expect(waited.err).toContain('Deleted 1 checkpoint');
  });

  it('with --wait ends by Ctrl-C and leaves the request standing', async () => {
    const job = await saved([10, 20]);
    const { code, err } = await job.world.run(['checkpoints', 'prune', 'job-1', '10', '--yes', '--wait'], {
      signal: AbortSignal.abort(),
    });
    expect(code).toBe(130);
    expect(err).toContain('worker of job-1');
    expect((await job.journal.refresh()).requests.prune).toEqual([job.ids[0]]);
  });

  it.each([
    ['where a resume would begin', 'latest', [], 'where a resume would begin'],
    ['what is pinned', 'step10', ['checkpoints', 'pin', 'job-1', 'step10'], 'checkpoints unpin job-1'],
  ])('refuses %s, and says why', async (_, name, before, why) => {
    const job = await finished([10, 20]);
    if (before.length > 0) await job.world.run(before);
    for (const flags of [[], ['--yes']]) {
      const { code, err } = await job.world.run(['checkpoints', 'prune', 'job-1', name, ...flags]);
      expect(code).toBe(5);
      expect(err).toContain(why);
    }
  });

  it('by the policy of the job has nothing to do right after a save', async () => {
    const job = await finished([10, 20, 30]);
    const { code, err, out } = await job.world.run(['checkpoints', 'prune', 'job-1', '--yes']);
    expect([code, out]).toEqual([0, '']);
    expect(err).toContain('Nothing to prune: 3 checkpoints');
    const both = await job.world.run(['checkpoints', 'prune', 'job-1', '10', '--keep', '1']);
    expect(both.code).toBe(2);
  });

  it('says of a store that is not there what every command says', async () => {
    const job = await finished([10]);
    rmSync(`${job.world.cwd}/.holdfast`, { recursive: true });
    expect((await job.world.run(['checkpoints', 'prune', 'job-1'])).code).toBe(3);
  });
});
