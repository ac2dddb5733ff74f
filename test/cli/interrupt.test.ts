import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import type { FleetView } from '../../lib/client/read-fleet.ts';
import { readJob } from '../../lib/client/read-job.ts';
import { type CliWorld, cliWorld } from '../support/cli-world.ts';
import { tempDir } from '../support/temp-dir.ts';
import { startRegion, typed } from '../support/typed-commands.ts';

/** Twenty steps a second, until the file is there. */
const program = (enough: string): string => `
import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { defineTraining } from 'holdfast/training';

export default defineTraining({
  setup() {
    const weights = tf.variable(tf.ones([4]), true, 'weights');
    return {
      state: { weights },
      until: { steps: 100_000 },
      async step({ stop }) {
        await new Promise((done) => setTimeout(done, 50));
        if (existsSync(${JSON.stringify(enough)})) stop('enough');
        weights.assign(tf.tidy(() => weights.mul(0.99)));
        return { loss: tf.tidy(() => weights.square().sum()) };
      },
    };
  },
});
`;

describe('interrupt', () => {
  it(
    'takes the machine of a running job by a notice, then one by a kill, and why says what it cost',
    {
      timeout: 120_000,
    },
    async () => {
      const cwd = tempDir();
      const enough = join(cwd, 'enough');
      writeFileSync(join(cwd, 'train.ts'), program(enough));
      await startRegion(cwd);
      expect(statSync(join(cwd, '.holdfast', 'control.json')).mode & 0o077).toBe(0);
      const world = cliWorld(cwd);
      const submitted = await world.run(words('submit train.ts --id job --backend cpu --save-every 5steps'));
      expect(submitted.code).toBe(0);
      expect(submitted.err).not.toContain('no region runs');
      const first = await workerOf(world, 'job', 'nobody');

      const notice = typed(cwd, 'interrupt job --notice 3s --json');
      expect(notice).toMatchObject({ code: 0, err: '' });
      expect(JSON.parse(notice.out)).toEqual({
        schemaVersion: 1,
        instance: first,
        jobId: 'job',
        kind: 'notice',
        remainingMs: expect.any(Number),
      });
      const [{ fleet }] = (await world.run(words('fleet --json'))).json as [{ fleet: FleetView }];
      expect(fleet.machines).toContainEqual(
        expect.objectContaining({ id: first, notice: expect.stringMatching(/^notice; gone in /) }),
      );
      const second = await workerOf(world, 'job', first);
      const table = (await world.run(['fleet'])).out;
      expect(table).toMatch(new RegExp(`^${second} .* job `, 'm'));
      expect(table).not.toContain('SO-FAR');

      const killed = await world.run(words('interrupt job --kill'));
      expect(killed).toMatchObject({ code: 0, out: `${second} was killed without notice.\n` });
      expect(killed.err).toContain('holdfast why job');
      expect((await world.run(words(`interrupt --instance ${second}`))).code).toBe(3);
      await workerOf(world, 'job', second);

      writeFileSync(enough, '');
      expect((await world.run(words('watch job'))).code).toBe(0);
      const [story] = (await world.run(words('why job --json'))).json;
      expect(story).toMatchObject({ status: 'completed' });
      const events = story?.['events'] as ReadonlyArray<{ readonly kind: string }>;
      // The announced loss cost nothing; the other one is a silent death, and what it had not saved is done again.
      expect(events.filter(({ kind }) => kind === 'released')).toMatchObject([
        { cause: 'interrupted', uncommittedSteps: 0 },
      ]);
      expect(events.filter(({ kind }) => kind === 'restored')).toHaveLength(3);
      expect((await world.run(words('interrupt job'))).code).toBe(5);
    },
  );

  it('says that no region runs, rather than waiting for one that crashed', async () => {
    const world = cliWorld();
    expect(await world.run(['interrupt', '--instance', 'i-0'])).toMatchObject({
      code: 5,
      err: expect.stringContaining('holdfast local'),
    });
    writeFileSync(
      join(world.cwd, 'control.json'),
      JSON.stringify({ format: 1, endpoint: 'http://127.0.0.1:1', token: 'x'.repeat(32) }),
    );
    expect(await world.run(['interrupt', '--instance', 'i-0', '--dir', world.cwd])).toMatchObject({
      code: 5,
      err: expect.stringContaining('no local region runs'),
    });
  });

  it('shows no machines where no region runs, and says how to start one', async () => {
    const { code, out, err } = await cliWorld().run(['fleet']);
    expect([code, out]).toEqual([0, '']);
    expect(err).toContain('holdfast local');
  });

  it('says that nobody works on a job that waits', async () => {
    const world = cliWorld();
    const { jobId } = await world.submitted();
    expect(await world.run(['interrupt', jobId])).toMatchObject({
      code: 5,
      err: expect.stringContaining('is queued; no machine works on it'),
    });
    expect((await world.run(['interrupt', 'nobody'])).code).toBe(3);
  });

  it.each([
    [['interrupt'], 'whose machine'],
    [['interrupt', 'job', '--instance', 'i-0'], 'not both'],
    [['interrupt', 'job', '--kill', '--notice', '3s'], 'a kill has no notice'],
    [
      ['interrupt', 'job', '--kill', '--store', 's3://bucket?region=eu-west-1'],
      '--kill is for a local region',
    ],
  ])('refuses %j', async (args, message) => {
    expect(await cliWorld().run(args)).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  });
});

const words = (line: string): readonly string[] => line.split(' ');

/** The machine that works on the job, once it is another one and has committed something. */
async function workerOf(world: CliWorld, jobId: string, before: string): Promise<string> {
  const region = await world.region();
  for (let look = 0; look < 600; look++) {
    const { state, isLive } = await readJob(region, jobId);
    const id = state.claim?.instance.id;
    if (id !== undefined && isLive && id !== before && state.claim?.ordinal !== undefined) return id;
    await systemClock.sleep(50);
  }
  throw new Error('no other machine took the job');
}
