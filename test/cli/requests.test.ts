import { describe, expect, it } from 'vitest';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadSpec } from '../../lib/client/load-spec.ts';
import { reviseSpec } from '../../lib/client/revise-spec.ts';
import { resumeJob, waitForJob } from '../../lib/client/requests.ts';
import type { JournalEntry } from '../../lib/contract/journal-entry.ts';
import type { Journal } from '../../lib/journal/journal.ts';
import { type CliWorld, cliWorld } from '../support/cli-world.ts';
import { checkpointFacts, claimed } from '../support/journal-world.ts';

async function kinds(journal: Journal): Promise<JournalEntry['kind'][]> {
  const found: JournalEntry['kind'][] = [];
  for await (const { kind } of journal.entries()) found.push(kind);
  return found;
}

/** A job that failed at step 7 with a checkpoint at 5. */
async function failedJob(world: CliWorld): Promise<Journal> {
  const journal = await world.submitted();
  const claim = await claimed(journal);
  await claim.append(() => ({ kind: 'restored', checkpoint: null, step: 0, bytes: 0, elapsedMs: 1 }));
  await claim.append(() => checkpointFacts({ claim: claim.token, ordinal: 1, step: 5 }));
  await claim.append(() => ({ kind: 'failed', reason: 'errors', message: 'boom', step: 7 }));
  return journal;
}

describe('pause', () => {
  it('settles at once when nobody works on the job, under a claim that fences a sleeper', async () => {
    const world = cliWorld();
    const journal = await world.submitted();
    const { code, out } = await world.run(['pause', 'job-1']);
    expect(code).toBe(0);
    expect(out).toBe('job-1 is paused\n');
    expect(await kinds(journal)).toEqual(['submitted', 'pause-requested', 'claimed', 'paused']);
  });

  it('only asks when a worker is alive', async () => {
    const world = cliWorld();
    const journal = await world.submitted();
    await claimed(journal);
    const { code, json } = await world.run(['pause', 'job-1', '--json']);
    expect(code).toBe(0);
    expect(json).toEqual([
      {
        schemaVersion: 1,
        jobId: 'job-1',
        status: 'running',
        isNew: true,
        requests: { pause: true, cancel: false, prune: [] },
      },
    ]);
    expect((await world.run(['pause', 'job-1'])).out).toBe('job-1 was asked to pause; it is running\n');
    expect(await kinds(journal)).toEqual(['submitted', 'claimed', 'pause-requested']);
  });

  it('may be repeated, and says nothing new then', async () => {
    const world = cliWorld();
    const journal = await world.submitted();
    await world.run(['pause', 'job-1']);
    const { code, json } = await world.run(['pause', 'job-1', '--json']);
    expect(code).toBe(0);
    expect(json[0]).toMatchObject({ status: 'paused', isNew: false });
    expect(await kinds(journal)).toHaveLength(4);
  });

  it('finishes what an operator began who was cut off between request and settlement', async () => {
    const world = cliWorld();
    const journal = await world.submitted();
    await journal.append(() => ({ kind: 'pause-requested', by: 'gone', claim: null }));
    expect((await world.run(['pause', 'job-1'])).out).toBe('job-1 is paused\n');
  });

  it('is refused for a job that is over', async () => {
    const world = cliWorld();
    await failedJob(world);
    const { code, err } = await world.run(['pause', 'job-1']);
    expect(code).toBe(5);
    expect(err).toContain('failed');
  });

  it('with --wait returns when the worker has paused', async () => {
    const world = cliWorld();
    const journal = await world.submitted();
    const claim = await claimed(journal);
    const region = await world.region();
    await world.run(['pause', 'job-1']);
    const clock = {
      ...region.clock,
      sleep: async () => {
        await journal.refresh();
        await claim.append(() => ({ kind: 'paused', step: 0 }));
      },
    };
    const { code, out } = await world.run(['pause', 'job-1', '--wait'], { clock });
    expect(code).toBe(0);
    expect(out).toBe('job-1 is paused\n');
  });
});

describe('cancel', () => {
  it('ends a queued job and a paused one, for good', async () => {
    const world = cliWorld();
    await world.submitted();
    await world.run(['pause', 'job-1']);
    expect((await world.run(['cancel', 'job-1'])).out).toBe('job-1 is cancelled\n');
    expect((await world.run(['cancel', 'job-1'])).code).toBe(0);
    const resumed = await world.run(['resume', 'job-1']);
    expect(resumed.code).toBe(5);
    expect(resumed.err).toContain('cancelled');
  });

  it('changes nothing about a job that had completed before it was seen, and waits for nothing', async () => {
    const world = cliWorld();
    const journal = await world.submitted();
    const claim = await claimed(journal);
    await claim.append(() => ({ kind: 'restored', checkpoint: null, step: 0, bytes: 0, elapsedMs: 1 }));
    await claim.append(() => checkpointFacts({ claim: claim.token, ordinal: 1, step: 5 }));
    await journal.append(() => ({ kind: 'cancel-requested', by: 'me', claim: null }));
    await claim.append(() => ({
      kind: 'completed',
      checkpoint: '2-1-step5',
      step: 5,
      epoch: 1,
      reason: 'until',
    }));
    const { code, err } = await world.run(['cancel', 'job-1']);
    expect(code).toBe(5);
    expect(err).toContain('completed');
    const region = await world.region();
    const { signal } = new AbortController();
    const state = await waitForJob(region, 'job-1', { wanted: ['cancelled'], signal });
    expect(state.status).toBe('completed');
  });
});

describe('resume', () => {
  it('queues a paused job again and sends a ticket', async () => {
    const world = cliWorld();
    const journal = await world.submitted();
    await world.run(['pause', 'job-1']);
    const before = await world.tickets();
    const { code, out } = await world.run(['resume', 'job-1']);
    expect(code).toBe(0);
    expect(out).toBe('job-1 is queued\n');
    expect(await world.tickets()).toBe(before + 1);
    expect((await kinds(journal)).at(-1)).toBe('resume-requested');
  });

  it('repeated, sends only the ticket again', async () => {
    const world = cliWorld();
    const journal = await world.submitted();
    await world.run(['pause', 'job-1']);
    await world.run(['resume', 'job-1']);
    const [entries, tickets] = [await kinds(journal), await world.tickets()];
    expect((await world.run(['resume', 'job-1'])).code).toBe(0);
    expect(await kinds(journal)).toEqual(entries);
    expect(await world.tickets()).toBe(tickets + 1);
  });

  it('is refused for a running job, and writes nothing', async () => {
    const world = cliWorld();
    const journal = await world.submitted();
    await claimed(journal);
    const { code, err } = await world.run(['resume', 'job-1', '--set', 'units=9']);
    expect(code).toBe(5);
    expect(err).toContain('holdfast pause job-1');
    expect(await kinds(journal)).toEqual(['submitted', 'claimed']);
  });

  it('rolls back to a retained checkpoint only', async () => {
    const world = cliWorld();
    const journal = await failedJob(world);
    const unknown = await world.run(['resume', 'job-1', '--from', '2-9-step9']);
    expect(unknown.code).toBe(3);
    expect((await world.run(['resume', 'job-1', '--from', '2-1-step5'])).code).toBe(0);
    expect((await journal.refresh()).resumeFrom).toBe('2-1-step5');
  });

  it.each(['step5', '5', 'latest'])('rolls back to a checkpoint by the name %s', async (name) => {
    const world = cliWorld();
    const journal = await failedJob(world);
    expect((await world.run(['resume', 'job-1', '--from', name])).code).toBe(0);
    expect((await journal.refresh()).resumeFrom).toBe('2-1-step5');
    const unknown = await world.run(['resume', 'job-1', '--from', 'best']);
    expect(unknown.code).toBe(3);
    expect(unknown.err).toContain('2-1-step5');
  });

  it('takes another keep policy, as a whole, and leaves the program as it is', async () => {
    const world = cliWorld();
    const journal = await failedJob(world);
    const { spec: before } = journal.state;
    const typed = ['resume', 'job-1', '--keep', 'every=100steps', '--keep', 'for=24h', '--keep', 'no-best'];
    expect((await world.run(typed)).code).toBe(0);
    const { spec: after, status } = await journal.refresh();
    if (before === null || after === null) throw new Error('a submitted job has a spec');
    const { store } = await world.region();
    const [old, revised] = [await loadSpec(store, before), await loadSpec(store, after)];
    expect(status).toBe('queued');
    expect(revised).toEqual({ ...old, keep: { last: 3, everySteps: 100, forHours: 24, best: false } });
    const wrong = await world.run(['resume', 'job-1', '--keep', 'forever']);
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain('--keep');
  });

  it('needs a queue before anything is written', async () => {
    const world = cliWorld();
    const journal = await failedJob(world);
    const entries = await kinds(journal);
    const { code, err } = await world.run([
      'resume',
      'job-1',
      '--store',
      `${world.cwd}/.holdfast/store`,
      '--dir',
      'other',
    ]);
    expect(code).toBe(2);
    expect(err).toContain('no queue');
    expect(await kinds(journal)).toEqual(entries);
  });

  it('with a fixed program writes a revision of the spec, once', async () => {
    const world = cliWorld();
    const journal = await failedJob(world);
    const region = await world.region();
    const file = join(world.cwd, 'fixed.ts');
    writeFileSync(file, 'export default { setup() { return 1; } };');
    const fixed = {
      revise: (spec: Parameters<typeof reviseSpec>[1]) =>
        reviseSpec(region, spec, {
          file,
          set: { units: '16' },
          cwd: world.cwd,
          inspect: async () => ({ params: { units: 4 }, schema: false, seed: 1, inputs: {} }),
        }),
    };
    const { state, isNew } = await resumeJob(region, 'job-1', fixed);
    expect(isNew).toBe(true);
    expect(state.status).toBe('queued');
    expect(state.strikes.total).toBe(0);
    expect(state.spec?.key).toBe(`jobs/job-1/spec-${state.sequence}.json`);
    if (state.spec === null) throw new Error('a submitted job has a spec');
    const { program } = await loadSpec(region.store, state.spec);
    expect(program).toMatchObject({ kind: 'training', source: 'fixed.ts', params: { units: 16 } });
    const entries = await kinds(journal);
    expect((await resumeJob(region, 'job-1', fixed)).isNew).toBe(false);
    expect(await kinds(journal)).toEqual(entries);
  });
});

describe('retry', () => {
  it('queues a failed job again with its strikes cleared', async () => {
    const world = cliWorld();
    const journal = await failedJob(world);
    const { code, out } = await world.run(['retry', 'job-1']);
    expect(code).toBe(0);
    expect(out).toBe('job-1 is queued\n');
    expect((await journal.refresh()).end).toBeNull();
    expect((await world.run(['retry', 'job-1'])).code).toBe(0);
  });

  it('is for failed jobs', async () => {
    const world = cliWorld();
    await world.submitted();
    await world.run(['pause', 'job-1']);
    const { code, err } = await world.run(['retry', 'job-1']);
    expect(code).toBe(5);
    expect(err).toContain('holdfast resume job-1');
  });
});
