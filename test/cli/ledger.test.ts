import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claimJob } from '../../lib/journal/claim.ts';
import { cliWorld, type CliWorld } from '../support/cli-world.ts';
import { instance } from '../support/journal-world.ts';

/** A job that trained ten steps, saved them, did five more and failed. */
async function failedAttempt(world: CliWorld): Promise<string> {
  const journal = await world.submitted();
  const result = await claimJob(journal, { ticket: 't', instance: instance(), isLive: async () => false });
  if (result.outcome !== 'claimed') throw new Error('the job is free');
  const { claim } = result;
  await claim.append(() => ({ kind: 'restored', checkpoint: null, step: 0, bytes: 0, elapsedMs: 0 }));
  await claim.append(() => ({ kind: 'released', cause: 'error', step: 15, message: 'a bug' }));
  return journal.jobId;
}

describe('holdfast goodput and cost', () => {
  it('tell where the time of a job went', async () => {
    const world = cliWorld();
    const jobId = await failedAttempt(world);
    const { code, out } = await world.run(['goodput', jobId]);
    expect(code).toBe(0);
    expect(out).toContain('goodput');
    expect(out).toMatch(/CLAIM +MACHINE/);
    expect(out).toContain('i-1 (g5.xlarge)');
    const { json } = await world.run(['goodput', jobId, '--json']);
    expect(json[0]).toMatchObject({ schemaVersion: 1, jobId, goodput: { steps: 0, lostSteps: 15 } });
  });

  it('tell hours without prices, and USD with one', async () => {
    const world = cliWorld();
    const jobId = await failedAttempt(world);
    const unpriced = await world.run(['cost', jobId]);
    expect(unpriced.out).toContain('no prices are known here');
    expect(unpriced.err).toContain('--price USD');
    expect(unpriced.out).toContain('a folder: its requests and bytes cost nothing');
    expect(unpriced.out).not.toContain('0 writes');
    const { code, json } = await world.run(['cost', jobId, '--price', '$0.3', '--json']);
    expect(code).toBe(0);
    expect(json[0]).toMatchObject({
      schemaVersion: 1,
      cost: { requestsUsd: 0, machinesUsd: expect.any(Number) },
    });
  });

  it('know no job that is not there', async () => {
    const world = cliWorld();
    await world.submitted();
    expect((await world.run(['goodput', 'nobody'])).code).toBe(3);
    expect((await world.run(['cost', 'nobody'])).code).toBe(3);
  });
});

const ticks = JSON.stringify({ metadata: { gap_seconds: 600 }, data: [1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, 1] });

describe('holdfast simulate', () => {
  it('shows a table, writes a picture, and names the worst trace', async () => {
    const world = cliWorld();
    await writeFile(join(world.cwd, 'a.json'), ticks);
    const args = [
      'simulate',
      '--trace',
      'a.json',
      '--ones',
      'available',
      '--repeats',
      '1',
      '--svg',
      'out.svg',
    ];
    const { code, out, err } = await world.run(args);
    expect(err).toBe('');
    expect(code).toBe(0);
    expect(out).toMatch(/holdfast +\d\d\.\d\d %/);
    expect(out).toContain('Worst trace for holdfast: a.json.');
    expect(await readFile(join(world.cwd, 'out.svg'), 'utf8')).toContain('<svg');
  });

  it('takes its recordings from HOLDFAST_TRACES, and prints one document', async () => {
    const world = cliWorld();
    await writeFile(join(world.cwd, 'a.json'), ticks);
    const env = { HOLDFAST_TRACES: world.cwd };
    const args = ['simulate', '--ones', 'unavailable', '--state', '10GB', '--missed', '0.2', '--json'];
    const { code, json } = await world.run(args, { env });
    expect(code).toBe(0);
    const [document] = json;
    expect(document).toMatchObject({
      schemaVersion: 1,
      report: { traceCount: 1, options: { stateBytes: 10e9, missedShare: 0.2, seed: 1 } },
    });
  });

  it('prints the seed of what it drew by chance', async () => {
    const { code, err } = await cliWorld().run([
      'simulate',
      '--repeats',
      '1',
      '--seed',
      '5',
      '--save-every',
      '30m',
    ]);
    expect(code).toBe(0);
    expect(err).toContain('seed 5');
  });

  it.each([
    [['--trace', 'a.json'], 2, 'does not tell whether 1 means'],
    [['--trace', 'missing.json'], 3, 'no such recording'],
    [['--missed', '150%'], 2, '--missed is not a share'],
    [['--price', 'cheap'], 2, '--price is not an amount of USD'],
    [['--step', '0s'], 2, 'any time for a step'],
    [['--repeats', '100000000'], 2, '--repeats is at most 1000'],
    [['--svg', 'no/such/folder.svg'], 2, 'a folder that is not there'],
    [['--svg', '.'], 2, '--svg names a folder'],
    [['--save-every', '1epoch'], 2, 'no epochs'],
  ])('refuses %j', async (args, expected, message) => {
    const world = cliWorld();
    await writeFile(join(world.cwd, 'a.json'), ticks);
    const { code, err } = await world.run(['simulate', ...args]);
    expect(err).toContain(message);
    expect(code).toBe(expected);
  });
});
