import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandProgramSchema } from '../../lib/contract/job-spec.ts';
import { openExistingJob } from '../../lib/client/read-job.ts';
import { type CliWorld, cliWorld } from '../support/cli-world.ts';
import { claimed } from '../support/journal-world.ts';
import { keysUnder, save, text } from '../lib/checkpoint/files.ts';

/** A job of a command with a checkpoint at step 120: forking it imports no program. */
async function parentIn(world: CliWorld): Promise<void> {
  const program = commandProgramSchema.parse({
    kind: 'command',
    command: ['train'],
    checkpoints: { match: '*', complete: { by: 'rename' } },
  });
  const journal = await world.submitted({ program });
  const claim = await claimed(journal);
  const { store } = await world.region();
  await save({ store, claim, files: { 'a.bin': text('a') }, ordinal: 1, step: 120 });
  await claim.append(() => ({ kind: 'released', cause: 'interrupted', step: 120, message: 'notice' }));
}

describe('fork', () => {
  it('prints the id of the child, and both jobs tell of each other', async () => {
    const world = cliWorld();
    await parentIn(world);
    const { code, out, err } = await world.run(['fork', 'job-1@120', '--id', 'child', '--env', 'A=1']);
    expect([code, out]).toEqual([0, 'child\n']);
    expect(err).toContain('Queued at step 120 of job-1');
    const told = {
      parent: (await world.run(['show', 'job-1'])).out,
      child: (await world.run(['show', 'child'])).out,
      why: (await world.run(['why', 'child'])).out,
      whyParent: (await world.run(['why', 'job-1'])).out,
    };
    expect(told.parent).toContain('child from 2-1-step120');
    expect(told.child).toContain('job-1 at step 120 (2-1-step120)');
    expect(told.why).toContain('a fork of job-1 at step 120');
    expect(told.why).toContain('claimed by fork, not to train');
    expect(told.why).toContain('child waits for a worker and will start from step 120, as a fork of job-1.');
    expect(told.whyParent).toContain('forked 2-1-step120 into child');
  });

  it('prints one document with --json, also when it was made before', async () => {
    const world = cliWorld();
    await parentIn(world);
    const args = ['fork', 'job-1@best', '--id', 'child', '--json'];
    expect((await world.run(args)).code).toBe(3);
    const typed = ['fork', 'job-1', '--id', 'child', '--json'];
    const forkedFrom = { jobId: 'job-1', checkpoint: '2-1-step120', step: 120 };
    expect((await world.run(typed)).json).toMatchObject([
      { schemaVersion: 1, jobId: 'child', outcome: 'queued', forkedFrom, warnings: [] },
    ]);
    expect((await world.run(typed)).json).toMatchObject([{ outcome: 'repeated' }]);
  });

  it('ends with 6 for a damaged checkpoint, and says which and what to do', async () => {
    const world = cliWorld();
    await parentIn(world);
    const { store } = await world.region();
    const keys = await keysUnder(store, 'jobs/job-1/checkpoints/');
    for (const key of keys.filter((one) => !one.endsWith('manifest.json')))
      await store.put(key, new Uint8Array(3));
    const { code, out, err } = await world.run(['fork', 'job-1@120']);
    expect([code, out]).toEqual([6, '']);
    expect(err).toContain('checkpoint 2-1-step120 of job job-1 is damaged');
    expect(err).toContain('`holdfast checkpoints verify job-1 --all`');
    expect(err).not.toContain('Not finished');
    expect((await world.run(['checkpoints', 'verify', 'job-1', '--quarantine'])).code).toBe(6);
    const known = await world.run(['fork', 'job-1@120']);
    expect(known.code).toBe(5);
    expect(known.err).not.toContain('Not finished');
  });

  it.each([
    [['fork', 'job-1@'], 2],
    [['fork', 'nobody@120'], 3],
    [['fork', 'job-1@121'], 3],
    [['fork', 'job-1@120', '--id', 'job-1'], 5],
    [['fork', 'job-1@120', '--set', 'lr=1'], 2],
    [['fork', 'job-1@120', '--keep', 'x'], 2],
  ])('ends with the code for what is wrong: %j', async (args, code) => {
    const world = cliWorld();
    await parentIn(world);
    const run = await world.run(args);
    expect(run.code).toBe(code);
    expect(run.out).toBe('');
  });
});

describe('sweep', () => {
  it('says what is wrong with a file, and where', async () => {
    const world = cliWorld();
    await parentIn(world);
    writeFileSync(join(world.cwd, 'lr.json'), '{"format": 1, "from": "job-1@120", "grid": {"lr": []}}');
    const { code, err } = await world.run(['sweep', 'lr.json']);
    expect(code).toBe(2);
    expect(err).toContain('grid.lr');
  });

  it('lists, makes and compares its points', async () => {
    const world = cliWorld();
    const journal = await world.submitted();
    const claim = await claimed(journal);
    const region = await world.region();
    await save({ store: region.store, claim, files: { 'a.bin': text('a') }, ordinal: 1, step: 120 });
    // Points that change nothing need no program to be imported.
    writeFileSync(
      join(world.cwd, 'seeds.json'),
      JSON.stringify({ format: 1, from: 'job-1@120', seed: 5, grid: {} }),
    );
    const dry = await world.run(['sweep', 'seeds.json', '--dry-run']);
    expect(dry.code).toBe(0);
    const [jobId = ''] = dry.out.split(' ');
    const standing = async (): Promise<unknown> =>
      (await world.run(['sweep', 'seeds.json', '--status', '--json'])).json;
    expect(await standing()).toMatchObject([
      { schemaVersion: 1, name: 'seeds', points: [{ jobId, job: null }] },
    ]);
    expect((await world.run(['sweep', 'seeds.json', '--json'])).json).toMatchObject([
      { schemaVersion: 1, points: [{ jobId, outcome: 'queued' }] },
    ]);
    expect((await world.run(['sweep', 'seeds.json'])).out).toContain('(there already)');
    expect(await standing()).toMatchObject([
      { points: [{ jobId, job: { status: 'interrupted', step: 120 } }] },
    ]);
    expect((await world.run(['sweep', 'seeds.json', '--status'])).out).toMatch(
      /POINT +STATUS +STEP +LOSS +BEST +JOB/,
    );
    // What decides is shown beside what does not.
    writeFileSync(
      join(world.cwd, 'ranked.json'),
      JSON.stringify({ format: 1, from: 'job-1@120', grid: {}, rank: { metric: 'accuracy', goal: 'max' } }),
    );
    const ranked = await world.run(['sweep', 'ranked.json', '--status']);
    expect(ranked.out).toMatch(/POINT +STATUS +STEP +ACCURACY +LOSS +BEST +JOB/);
    expect(ranked.err).toContain('Nothing has told of accuracy yet');
    expect((await openExistingJob(region, jobId)).state.forkedFrom?.step).toBe(120);
  });
});
