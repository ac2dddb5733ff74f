import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { encodeSegment, type LogLine } from '../../lib/contract/segments.ts';
import type { Claim } from '../../lib/journal/claim.ts';
import { putHeartbeat } from '../../lib/journal/heartbeat.ts';
import type { Journal } from '../../lib/journal/journal.ts';
import { type CliWorld, cliWorld } from '../support/cli-world.ts';
import { checkpointFacts, claimed } from '../support/journal-world.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const notice = 'Spot interruption notice (terminate)';

async function commit(claim: Claim, step: number, ordinal = 1): Promise<void> {
  await claim.append(() => checkpointFacts({ claim: claim.token, ordinal, step }));
}

async function begin(journal: Journal, on: string, step = 0): Promise<Claim> {
  const claim = await claimed(journal, { on });
  const from = journal.state.checkpoints.findLast((one) => one.step === step);
  await claim.append(() => ({
    kind: 'restored',
    checkpoint: from?.id ?? null,
    step,
    bytes: 10,
    elapsedMs: 5,
    passedOver: [],
  }));
  return claim;
}

/** Trained to 45, interrupted with a checkpoint at 40, and resumed there by a worker that is alive. */
async function interruptedOnce(world: CliWorld): Promise<Journal> {
  const journal = await world.submitted();
  const first = await begin(journal, 'i-first');
  await commit(first, 40);
  await first.append(() => ({ kind: 'released', cause: 'interrupted', step: 45, message: notice, notice }));
  const second = await begin(journal, 'i-second', 40);
  const region = await world.region();
  await putHeartbeat(region.store, 'job-1', {
    format: 1,
    claim: second.token,
    phase: 'training',
    step: 52,
    epoch: 1,
    examplesPerSecond: 812.4,
    loss: 0.12345,
    metrics: { loss: 0.12345 },
    total: 100,
  });
  await log(world, first.token, [
    ['out', 'step 40', 40],
    ['out', 'step 45', 45],
    ['worker', 'handing over', 45],
  ]);
  await log(world, second.token, [['err', 'step 52', 52]]);
  return journal;
}

/** Read by many tests, changed by none. */
let world: CliWorld;
let folder: Awaited<ReturnType<typeof scratchFolder>>;

beforeAll(async () => {
  folder = await scratchFolder();
  world = cliWorld(folder.dir);
  await interruptedOnce(world);
});
afterAll(async () => folder.remove());

async function log(
  world: CliWorld,
  claim: number,
  lines: ReadonlyArray<readonly [LogLine['stream'], string, number]>,
): Promise<void> {
  const region = await world.region();
  const at = new Date().toISOString();
  const segment = encodeSegment(lines.map(([stream, line, step]) => ({ at, stream, line, step })));
  await region.store.put(objectKeys.logSegment('job-1', claim, 0), segment);
}

describe('ls', () => {
  it('suggests the first step when there are no jobs, and says so as an empty list to programs', async () => {
    const world = cliWorld();
    expect(await world.run(['ls'])).toMatchObject({
      code: 0,
      out: '',
      err: expect.stringContaining('submit'),
    });
    expect((await world.run(['ls', '--json'])).json).toEqual([
      { schemaVersion: 1, jobs: [], unreadable: [] },
    ]);
  });

  it('leaves no trace in a folder without a region, and refuses a store that is not there', async () => {
    const world = cliWorld();
    await world.run(['ls']);
    const { code, err } = await world.run(['ls', '--store', './stoer']);
    expect(code).toBe(3);
    expect(err).toContain('stoer');
    expect(readdirSync(world.cwd)).toEqual([]);
  });

  it('shows a running job with the step that its worker reports', async () => {
    const { code, out } = await world.run(['ls']);
    expect(code).toBe(0);
    const [titles, row] = out.split('\n');
    expect(titles).toMatch(/^ID +NAME +STATUS +STEP +LOSS +RECOVERIES +LAST-CHECKPOINT +WORKER$/);
    expect(row).toMatch(/^job-1 +train +running +52\/100 +0\.1235 +1 +\S+ +i-second$/);
  });

  it('has stable JSON', async () => {
    const { json } = await world.run(['ls', '--json']);
    expect(json).toEqual([
      {
        schemaVersion: 1,
        jobs: [
          {
            jobId: 'job-1',
            name: 'train',
            status: 'running',
            silent: false,
            step: 52,
            stepsTotal: 100,
            epoch: 1,
            loss: 0.12345,
            examplesPerSecond: 812.4,
            recoveries: 1,
            lastCheckpoint: { id: '2-1-step40', step: 40, at: expect.any(String) },
            worker: { id: 'i-second', type: 'g5.xlarge', zone: 'eu-west-1a' },
            submittedAt: expect.any(String),
            updatedAt: expect.any(String),
          },
        ],
        unreadable: [],
      },
    ]);
  });

  it('does not take one job for its neighbour of a longer name', async () => {
    const world = cliWorld();
    await world.submitted();
    await world.submitted({ jobId: 'job-10', name: 'ten' });
    const { json } = await world.run(['ls', '--json']);
    const jobs = json[0]?.['jobs'];
    expect(Array.isArray(jobs) ? jobs.map((job: { jobId: string }) => job.jobId).toSorted() : jobs).toEqual([
      'job-1',
      'job-10',
    ]);
  });

  it('is coloured on a terminal only, and not where NO_COLOR is set', async () => {
    const world = cliWorld();
    await world.submitted();
    const escape = '\u001B[';
    expect((await world.run(['ls'])).out).not.toContain(escape);
    expect((await world.run(['ls'], { isTerminal: true })).out).toContain(escape);
    expect((await world.run(['ls'], { isTerminal: true, env: { NO_COLOR: '1' } })).out).not.toContain(escape);
    expect((await world.run(['ls'], { isTerminal: true, env: { TERM: 'dumb' } })).out).not.toContain(escape);
  });
});

describe('ls of a store with a job that cannot be read', () => {
  it('lists the others, names it, and does not end well', async () => {
    const world = cliWorld();
    await world.submitted();
    await world.submitted({ jobId: 'newer' });
    const { store } = await world.region();
    await store.put(objectKeys.journalEntry('newer', 1), new TextEncoder().encode('{"format":3}'));
    await store.delete([objectKeys.stateHint('newer')]);

    const { code, out, err } = await world.run(['ls']);
    expect(out).toContain('job-1');
    expect(err).toMatch(/job `newer` cannot be read: .* has format 3/);
    expect(code).toBe(1);
    const { json } = await world.run(['ls', '--json']);
    expect(json).toMatchObject([
      {
        jobs: [{ jobId: 'job-1' }],
        unreadable: [{ jobId: 'newer', message: expect.stringContaining('format 3') }],
      },
    ]);
  });
});

describe('ls of a store with a damaged journal', () => {
  it('lists the others, and names it with what to do', async () => {
    const world = cliWorld();
    await world.submitted();
    await world.submitted({ jobId: 'damaged' });
    const { store } = await world.region();
    await store.put(objectKeys.journalEntry('damaged', 1), new TextEncoder().encode('{"format":1,'));
    await store.delete([objectKeys.stateHint('damaged')]);
    const { code, out, err } = await world.run(['ls']);
    expect(out).toContain('job-1');
    expect(err).toMatch(/job `damaged` cannot be read: a journal entry is damaged/);
    expect(code).toBe(1);
  });
});

describe('show', () => {
  it('shows spec, worker, checkpoints and recoveries', async () => {
    const { code, out } = await world.run(['show', 'job-1']);
    expect(code).toBe(0);
    expect(out).toContain('job-1  running');
    expect(out).toContain('units=8');
    expect(out).toContain('step 52/100 · epoch 1 · loss 0.1235 · 812 examples/s');
    expect(out).toMatch(/i-second \(g5\.xlarge, eu-west-1a\) · claim 6/);
    expect(out).toMatch(/2-1-step40 +40 +0 +policy +1\.0 kB +100 B/);
    expect(out).toContain('1 announced · 0 without notice');
  });

  it('shows strikes and the end of a failed job, and what to do next', async () => {
    const world = cliWorld();
    const journal = await world.submitted();
    const claim = await begin(journal, 'i-first');
    await claim.append(() => ({
      kind: 'released',
      cause: 'error',
      step: 7,
      message: 'TypeError: boom\n    at train.ts:3:9',
    }));
    const again = await begin(journal, 'i-second');
    await again.append(() => ({ kind: 'failed', reason: 'errors', message: 'TypeError: boom', step: 7 }));
    const { out, err } = await world.run(['show', 'job-1']);
    expect(out).toContain('failed at step 7 (errors)');
    expect(out).toContain('at train.ts:3:9');
    expect(err).toContain('holdfast resume job-1 --program FIXED.ts');
  });

  it('says when a job saves that was not told when', async () => {
    const { out } = await world.run(['show', 'job-1']);
    expect(out).toMatch(/saves +at an interval that adapts/);
  });

  it('gives everything as one document', async () => {
    const { json } = await world.run(['show', 'job-1', '--json']);
    expect(json).toHaveLength(1);
    expect(json[0]).toMatchObject({
      schemaVersion: 1,
      job: { jobId: 'job-1' },
      state: { sequence: 7, newestClaim: 6 },
      spec: { jobId: 'job-1' },
      heartbeat: { step: 52 },
      heartbeatAgeMs: expect.any(Number),
    });
  });

  it.each(['show', 'why', 'logs', 'watch', 'pause', 'cancel', 'resume', 'retry'])(
    '%s ends with 3 for a job that does not exist, and writes nothing',
    async (command) => {
      const world = cliWorld();
      await world.submitted({ jobId: 'job-10' });
      const { code, err } = await world.run([command, 'job-1']);
      expect(code).toBe(3);
      expect(err).toContain('there is no job `job-1`');
      const region = await world.region();
      expect((await region.store.list('jobs/job-1/')).objects).toEqual([]);
    },
  );
});

describe('why', () => {
  it('tells the story in order and where the job stands', async () => {
    const { code, out } = await world.run(['why', 'job-1']);
    expect(code).toBe(0);
    const story = [
      'submitted',
      'i-first',
      'Spot interruption notice',
      'i-second',
      'resumed at step 40',
      'job-1 runs.',
    ];
    const places = story.map((words) => out.indexOf(words));
    expect(places).not.toContain(-1);
    expect(places).toEqual(places.toSorted((one, other) => one - other));
  });

  it('lists every difference when a checkpoint did not fit', async () => {
    const world = cliWorld();
    const claim = await begin(await world.submitted(), 'i-first');
    await commit(claim, 10);
    const message =
      'the checkpoint does not fit this run:\n  - seed: 1 in the checkpoint, 2 here\nResume with seed 1.';
    await claim.append(() => ({ kind: 'failed', reason: 'incompatible', message, step: 10 }));
    const { out } = await world.run(['why', 'job-1']);
    expect(out).toMatch(
      /\(incompatible\): the checkpoint does not fit this run:\n +- seed: 1 in the checkpoint, 2 here\n/,
    );
    expect(out).toContain(
      'does not fit this run. `holdfast resume job-1 --program FIXED.ts` goes on from step 10.',
    );
  });

  it('promises no way on for a job whose checkpoints are all damaged', async () => {
    const world = cliWorld();
    const claim = await begin(await world.submitted(), 'i-first');
    await commit(claim, 10);
    const checkpoint = `${claim.token}-1-step10`;
    await claim.append(() => ({ kind: 'quarantined', checkpoint, chunks: ['c'], why: 'a chunk is gone' }));
    await claim.append(() => ({
      kind: 'failed',
      reason: 'rejected',
      message: 'none can be used.',
      step: 10,
    }));
    for (const command of ['why', 'show']) {
      const { out, err } = await world.run([command, 'job-1']);
      expect(out + err).toContain('None of its checkpoints can be used');
      expect(out + err).not.toContain('holdfast resume');
    }
  });

  it('gives the events as one document', async () => {
    const { json } = await world.run(['why', 'job-1', '--json']);
    expect(json[0]).toMatchObject({ schemaVersion: 1, jobId: 'job-1', status: 'running' });
    expect(json[0]?.['events']).toContainEqual(expect.objectContaining({ kind: 'restored', step: 40 }));
  });
});

describe('logs', () => {
  const ruler = `── interrupted (${notice}) · resumed from step 40 ──`;

  it('prints the attempts as one stream with a ruler between them', async () => {
    const { code, out } = await world.run(['logs', 'job-1']);
    expect(code).toBe(0);
    expect(out.split('\n')).toEqual(['step 40', 'holdfast: handing over', ruler, 'step 52', '']);
  });

  it('shows what a resume took back only when asked', async () => {
    const { out } = await world.run(['logs', 'job-1', '--lost']);
    expect(out.split('\n').slice(0, 3)).toEqual(['step 40', '~ step 45', 'holdfast: handing over']);
  });

  it('is one document a line with --json', async () => {
    const { json } = await world.run(['logs', 'job-1', '--json', '--lost']);
    expect(json.map(({ kind, line, lost }) => [kind, line, lost])).toEqual([
      ['line', 'step 40', false],
      ['line', 'step 45', true],
      ['line', 'handing over', false],
      ['ruler', undefined, undefined],
      ['line', 'step 52', false],
    ]);
    expect(json.every(({ schemaVersion }) => schemaVersion === 1)).toBe(true);
    expect(json[3]).toMatchObject({ resumedFromStep: 40, end: { kind: 'interrupted' } });
  });

  it('stops following with 130 at Ctrl-C', async () => {
    const { code, out } = await world.run(['logs', '-f', 'job-1'], { signal: AbortSignal.abort() });
    expect(code).toBe(130);
    expect(out).toContain(ruler);
  });

  it('names the segment that it cannot read', async () => {
    const world = cliWorld();
    await interruptedOnce(world);
    const region = await world.region();
    await region.store.put(objectKeys.logSegment('job-1', 2, 1), new TextEncoder().encode('{"at":'));
    const { code, err } = await world.run(['logs', 'job-1']);
    expect(code).toBe(1);
    expect(err).toContain('jobs/job-1/logs/2/00000001.ndjson');
  });
});

describe('watch', () => {
  it.each([
    ['completed', 0],
    ['failed', 100],
    ['cancelled', 103],
    ['paused', 101],
  ] as const)('of a job that is %s ends with %i', async (end, expected) => {
    const world = cliWorld();
    const journal = await world.submitted();
    const claim = await begin(journal, 'i-first');
    await commit(claim, 40);
    if (end === 'completed') {
      await claim.append(() => ({
        kind: 'completed',
        checkpoint: '2-1-step40',
        step: 40,
        epoch: 1,
        reason: 'until',
      }));
    } else if (end === 'failed') {
      await claim.append(() => ({ kind: 'failed', reason: 'errors', message: 'boom', step: 40 }));
    } else {
      const asked = end === 'paused' ? 'pause-requested' : 'cancel-requested';
      await journal.append(() => ({ kind: asked, by: 'tester', claim: null }));
      await claim.append(() => ({ kind: end, step: 40 }));
    }
    const { code, out } = await world.run(['watch', 'job-1']);
    expect(code).toBe(expected);
    expect(out).toContain(end);
  });

  it('prints plain lines where there is no terminal, and a document each with --json', async () => {
    const signal = AbortSignal.abort();
    const plain = await world.run(['watch', 'job-1'], { signal });
    expect(plain.code).toBe(130);
    expect(plain.out).toMatch(/^\S+Z running · step 52\/100 · epoch 1 · loss 0\.1235/);
    expect(plain.out).not.toContain('\u001B');
    const { json } = await world.run(['watch', 'job-1', '--json'], { signal });
    expect(json[0]).toMatchObject({ schemaVersion: 1, job: { step: 52 } });
  });

  it('draws one screen on a terminal', async () => {
    const { out } = await world.run(['watch', 'job-1'], { signal: AbortSignal.abort(), isTerminal: true });
    expect(out).toContain('52.0 %');
    expect(out.split('\n').length).toBeGreaterThan(4);
  });
});
