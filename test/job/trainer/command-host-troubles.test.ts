import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { deferred } from '../../../lib/base/deferred.ts';
import { unknownRisk } from '../../../lib/checkpoint/interruption-risk.ts';
import { jobSpecSchema } from '../../../lib/contract/job-spec.ts';
import type { TrainerMessage } from '../../../lib/contract/trainer-messages.ts';
import { startCommandHost } from '../../../job/trainer/command-host.ts';
import { type AttemptDirs, makeAttemptDirs } from '../../../job/work-dirs.ts';
import { tempDir } from '../../support/temp-dir.ts';

/** Everything that a program's host says until the program has ended, and nothing that nobody heard. */
async function run(
  script: string,
  disturb: (dirs: AttemptDirs) => void = () => {},
): Promise<TrainerMessage[]> {
  const unheard: unknown[] = [];
  const hear = (error: unknown): void => void unheard.push(error);
  process.on('unhandledRejection', hear);
  onTestFinished(() => void process.off('unhandledRejection', hear));
  const dir = tempDir();
  const spec = jobSpecSchema.parse({
    format: 1,
    jobId: 'job',
    name: 'job',
    createdAt: '2030-01-01T00:00:00Z',
    program: {
      kind: 'command',
      command: [process.execPath, '-e', script],
      checkpoints: { match: 'checkpoint-*', complete: { by: 'rename' } },
    },
  });
  const dirs = await makeAttemptDirs({
    workDir: join(dir, 'work'),
    stagingDir: join(dir, 'staging'),
    jobId: 'job',
    claim: 2,
    program: spec.program,
  });
  disturb(dirs);
  const said: TrainerMessage[] = [];
  const exited = deferred();
  const order = {
    spec,
    dirs,
    programPath: undefined,
    inputs: {},
    inputDigests: {},
    resuming: false,
    risk: unknownRisk,
  };
  const host = startCommandHost(
    order,
    { message: (message) => void said.push(message), output: () => {}, exit: () => exited.resolve() },
    systemClock,
  );
  host.send({ kind: 'fresh' });
  await exited.promise;
  await new Promise(setImmediate);
  expect(unheard).toEqual([]);
  return said;
}

const saves = `require('node:fs').writeFileSync(process.env.HOLDFAST_CHECKPOINTS + '/checkpoint-5', 'weights');`;

it('finds the checkpoint of a program that first empties its output folder by removing it', async () => {
  const said = await run(`
    const { rmSync, mkdirSync } = require('node:fs');
    rmSync(process.env.HOLDFAST_CHECKPOINTS, { recursive: true });
    setTimeout(() => { mkdirSync(process.env.HOLDFAST_CHECKPOINTS); ${saves} }, 600);
  `);
  expect(said.filter(({ kind }) => kind === 'staged' || kind === 'failed')).toMatchObject([
    { kind: 'staged' },
  ]);
  expect(said.at(-1)).toMatchObject({ kind: 'done', step: 5 });
});

it('says why a checkpoint cannot be held, and does not end the worker', async () => {
  const said = await run(`${saves} setTimeout(() => {}, 600);`, ({ held }) => {
    // A file stands where a folder is to be made.
    writeFileSync(join(held, '1'), '');
    writeFileSync(join(held, '2'), '');
  });
  expect(said.find(({ kind }) => kind === 'failed')).toMatchObject({
    error: { cause: 'infrastructure', message: expect.stringContaining('cannot be looked at') },
  });
});
