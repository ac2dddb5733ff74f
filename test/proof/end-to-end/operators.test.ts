import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tempDir } from '../../support/temp-dir.ts';
import { startRegion, type Typed, typed } from '../../support/typed-commands.ts';

/** Ten steps a second, until the file is there, so that every request finds it running. */
const program = (enough: string, bug: string): string => `
import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { defineTraining } from 'holdfast/training';

export default defineTraining({
  setup() {
    const weights = tf.variable(tf.ones([4]), true, 'weights');
    return {
      state: { weights },
      until: { steps: 100_000 },
      async step({ step, stop }) {
        await new Promise((done) => setTimeout(done, 100));
        console.log('step ' + step);
        ${bug}
        if (existsSync(${JSON.stringify(enough)})) stop('told that it is enough');
        weights.assign(tf.tidy(() => weights.mul(0.99)));
        return { loss: tf.tidy(() => weights.square().sum()) };
      },
    };
  },
});
`;

it('serves every request of an operator with real processes', { timeout: 180_000 }, async () => {
  const cwd = tempDir();
  const enough = join(cwd, 'enough');
  const buggy = program(enough, `if (step === 6) throw new Error('a bug at six');`);
  const line = buggy.split('\n').findIndex((text) => text.includes('throw new Error')) + 1;
  writeFileSync(join(cwd, 'train.ts'), buggy);
  writeFileSync(join(cwd, 'fixed.ts'), program(enough, ''));
  const region = await startRegion(cwd);
  const type = (line: string): Typed => typed(cwd, line);

  expect(type('submit train.ts --id job --backend cpu --save-every 5steps')).toMatchObject({
    code: 0,
    out: 'job\n',
  });
  const failed = type('logs -f job');
  expect(failed.code).toBe(100);
  expect(failed.out).toContain(`── failed (Error: a bug at six (train.ts:${line}:`);
  expect(type('show job').out).toContain(`train.ts:${line}:`);
  expect(type('why job').out).toContain('job failed: Error: a bug at six');

  expect(type('resume job --program fixed.ts --wait').code).toBe(0);
  expect(type('resume job').code).toBe(5);
  expect(type('pause job --wait')).toMatchObject({ code: 0, out: 'job is paused\n' });
  expect(type('watch job').code).toBe(101);
  expect(type('resume job')).toMatchObject({ code: 0, out: 'job is queued\n' });
  writeFileSync(enough, '');
  expect(type('watch job').code).toBe(0);
  expect(type('why job').out).toContain('told that it is enough');
  // Nothing is missing, whatever was lost and done again.
  const steps = [...type('logs job').out.matchAll(/^step (\d+)$/gm)].map(([, step]) => Number(step));
  expect([...new Set(steps)]).toEqual(Array.from({ length: Math.max(...steps) + 1 }, (_, step) => step));
  expect(steps.length).toBeGreaterThan(7);

  rmSync(enough);
  expect(type('submit fixed.ts --id endless --backend cpu').code).toBe(0);
  expect(type('cancel endless --wait')).toMatchObject({ code: 0, out: 'endless is cancelled\n' });
  expect(type('watch endless').code).toBe(103);

  region.kill('SIGINT');
  expect((await once(region, 'exit'))[0]).toBe(130);
});
