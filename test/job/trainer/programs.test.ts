import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleProgram } from '../../../lib/client/bundle-program.ts';
import { mustHaveDigits, TrainerDriver } from '../../support/trainer-driver.ts';

let dir: string;
beforeAll(() => {
  mustHaveDigits();
  dir = mkdtempSync(join(tmpdir(), 'trainer-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('try', () => {
  it.each(['mnist-cnn', 'gan', 'dqn', 'augment'])('%s runs', async (name) => {
    const { code } = await bundleProgram(join(import.meta.dirname, '../../programs', `${name}.ts`));
    const program = join(dir, `${name}.mjs`);
    writeFileSync(program, code);
    const t0 = performance.now();
    const driver = new TrainerDriver({ program, dir, start: { save: { everySteps: 10 } } });
    const result = await driver.finish();
    console.log(
      name,
      performance.now() - t0,
      result,
      driver.all('progress').length,
      driver.copies.map((c) => [c.step, c.reason].join(':')).join(' '),
      driver.all('done'),
    );
    expect(result.step).toBeGreaterThan(0);
  });
});
