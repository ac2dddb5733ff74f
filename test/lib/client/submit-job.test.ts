import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConflictError, UsageError, UserProgramError } from '../../../lib/base/errors.ts';
import { loadSpec } from '../../../lib/client/load-spec.ts';
import type { InspectProgram } from '../../../lib/client/prepare-program.ts';
import { openExistingJob, readJob } from '../../../lib/client/read-job.ts';
import { submitJob, type SubmitOptions } from '../../../lib/client/submit-job.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { claimed } from '../../support/journal-world.ts';
import { type CliWorld, cliWorld } from '../../support/cli-world.ts';

const inspect: InspectProgram = async () => ({
  params: { units: 8, name: 'net', optimizer: { beta: 0.9 } },
  schema: false,
  seed: 1,
  inputs: {},
});

/** A program that throws on this machine. */
const broken: InspectProgram = async () => {
  throw new UserProgramError('Error: no data\n    at nets/train.ts:3:9');
};

function submission(world: CliWorld, more: Partial<SubmitOptions> = {}): SubmitOptions {
  mkdirSync(join(world.cwd, 'nets'), { recursive: true });
  writeFileSync(join(world.cwd, 'nets', 'train.ts'), 'export default { setup() {} };');
  return { program: { file: 'nets/train.ts' }, cwd: world.cwd, inspect, ...more };
}

/** Nothing was queued: no journal, no ticket, no program. */
async function expectNothing(world: CliWorld): Promise<void> {
  const { store } = await world.region();
  expect(await world.tickets()).toBe(0);
  expect((await store.list('jobs/')).objects).toEqual([]);
  expect((await store.list('programs/')).objects).toEqual([]);
}

describe('submit', () => {
  it('writes program, source map, spec and journal, and sends a ticket', async () => {
    const world = cliWorld();
    const region = await world.region();
    const { jobId, outcome, warnings } = await submitJob(
      region,
      submission(world, {
        set: { units: '16', 'optimizer.beta': '0.5', name: '3' },
        seed: 0,
        save: { everySteps: 10 },
      }),
    );
    expect(outcome).toBe('queued');
    expect(warnings).toEqual([]);
    expect(jobId).toMatch(/^train-[0-9a-z]{6}$/);
    const { state } = await readJob(region, jobId);
    expect(state).toMatchObject({ status: 'queued', name: 'train', store: region.store.uri });
    if (state.spec === null) throw new Error('a submitted job has a spec');
    const { program, save, keep } = await loadSpec(region.store, state.spec);
    expect(program).toMatchObject({
      source: 'nets/train.ts',
      params: { units: 16, 'optimizer.beta': 0.5, name: '3' },
      seed: 0,
    });
    expect({ save, keep }).toEqual({ save: { everySteps: 10 }, keep: { last: 3, best: true } });
    const sha256 = program.kind === 'training' ? program.sha256 : '';
    expect(await region.store.head(objectKeys.program(sha256))).toBeDefined();
    expect(await region.store.head(objectKeys.programSourceMap(sha256))).toBeDefined();
    const message = await (await region.queue()).receive({ waitMs: 0, visibilityMs: 1_000 });
    expect(message?.body).toBe(JSON.stringify({ format: 1, jobId }));
  });

  it.each<[string, Partial<SubmitOptions>, string]>([
    ['an unknown parameter', { set: { unit: '16' } }, '`unit`'],
    ['a parameter of another type', { set: { units: 'many' } }, '`units` must be a number'],
    ['an unknown nested parameter', { set: { 'optimizer.gamma': '1' } }, '`optimizer.gamma`'],
    ['a missing file', { program: { file: 'nets/none.ts' } }, 'no such program file'],
    ['a missing input', { inputs: { data: 'none.bin' } }, 'input `data` is missing'],
    ['an id that is none', { jobId: 'Job' }, 'not a job id'],
    ['an unknown backend', { backend: 'cuda' }, '--backend'],
    ['a name that is too long', { name: 'x'.repeat(121) }, '--name'],
    [
      'a parameter of a command',
      { program: { command: ['x'], preset: 'lightning' }, set: { a: '1' } },
      '--set means nothing',
    ],
  ])('refuses %s by name, and queues nothing', async (_, more, message) => {
    const world = cliWorld();
    const region = await world.region();
    const submitting = submitJob(region, submission(world, more));
    await expect(submitting).rejects.toThrow(UsageError);
    await expect(submitting).rejects.toThrow(message);
    await expectNothing(world);
  });

  it('lets a schema have the last word about parameters', async () => {
    const world = cliWorld();
    const asked: unknown[] = [];
    const schema: InspectProgram = async (_, options) => {
      const set = options?.set;
      asked.push(set);
      if (set !== undefined && set['units'] !== 16) throw new UsageError('parameter `units`: too small');
      return { params: null, schema: true, seed: 1, inputs: {} };
    };
    const region = await world.region();
    await expect(
      submitJob(region, submission(world, { inspect: schema, set: { units: '1' } })),
    ).rejects.toThrow('too small');
    await expect(submitJob(region, submission(world, { inspect: schema }))).rejects.toThrow('too small');
    await expectNothing(world);
    await submitJob(region, submission(world, { inspect: schema, set: { units: '16' } }));
    expect(asked).toContainEqual({ units: 16 });
  });

  it('writes nothing in a dry run, and shows the job', async () => {
    const world = cliWorld();
    const { spec, outcome } = await submitJob(await world.region(), submission(world, { dryRun: true }));
    expect(outcome).toBe('dry-run');
    expect(spec.program).toMatchObject({ kind: 'training', source: 'nets/train.ts' });
    await expectNothing(world);
  });

  describe('of a program that cannot be imported here', () => {
    it('is refused with --set, because nothing can be checked', async () => {
      const world = cliWorld();
      const submitting = submitJob(
        await world.region(),
        submission(world, { inspect: broken, set: { units: '1' } }),
      );
      await expect(submitting).rejects.toThrow('--set cannot be checked');
      await expectNothing(world);
    });

    it('is queued with a warning that names file and line', async () => {
      const world = cliWorld();
      const { outcome, warnings } = await submitJob(
        await world.region(),
        submission(world, { inspect: broken }),
      );
      expect(outcome).toBe('queued');
      expect(warnings.join()).toContain('nets/train.ts:3:9');
    });
  });

  describe('with an id', () => {
    it('may be repeated: only the ticket is sent again', async () => {
      const world = cliWorld();
      const region = await world.region();
      const options = submission(world, { jobId: 'mine' });
      expect((await submitJob(region, options)).outcome).toBe('queued');
      expect((await submitJob(region, options)).outcome).toBe('repeated');
      expect((await readJob(region, 'mine')).state.sequence).toBe(1);
      expect(await world.tickets()).toBe(2);
    });

    it('completes a submission that was cut off before its journal began', async () => {
      const world = cliWorld();
      const region = await world.region();
      const options = submission(world, { jobId: 'mine' });
      await submitJob(region, options);
      await region.store.delete([objectKeys.journalEntry('mine', 1), objectKeys.stateHint('mine')]);
      expect((await submitJob(region, options)).outcome).toBe('queued');
      expect((await readJob(region, 'mine')).state.status).toBe('queued');
    });

    it('is refused when another job has it', async () => {
      const world = cliWorld();
      const region = await world.region();
      await submitJob(region, submission(world, { jobId: 'mine' }));
      const other = submitJob(region, submission(world, { jobId: 'mine', set: { units: '9' } }));
      await expect(other).rejects.toThrow(ConflictError);
      expect(await world.tickets()).toBe(1);
    });

    it('wakes nobody for a job that is over', async () => {
      const world = cliWorld();
      const region = await world.region();
      const options = submission(world, { jobId: 'mine' });
      await submitJob(region, options);
      const claim = await claimed(await openExistingJob(region, 'mine'));
      await claim.append(() => ({ kind: 'failed', reason: 'errors', message: 'boom', step: 0 }));
      expect((await submitJob(region, options)).outcome).toBe('repeated');
      expect(await world.tickets()).toBe(1);
      expect((await readJob(region, 'mine')).state.status).toBe('failed');
    });
  });

  it('queues a command with its checkpoints', async () => {
    const world = cliWorld();
    const region = await world.region();
    const { jobId, spec } = await submitJob(region, {
      program: { command: ['node', 'train.js', '--lr', '3'], checkpoints: 'model-*', complete: 'rename' },
      cwd: world.cwd,
    });
    expect(jobId).toMatch(/^node-/);
    expect(spec.program).toMatchObject({ kind: 'command', command: ['node', 'train.js', '--lr', '3'] });
    expect((await readJob(region, jobId)).state.status).toBe('queued');
  });
});
