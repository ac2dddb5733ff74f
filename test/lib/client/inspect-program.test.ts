import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { UsageError, UserProgramError } from '../../../lib/base/errors.ts';
import { inspectProgram } from '../../../lib/client/inspect-program.ts';
import { bundleText } from '../../support/bundle.ts';
import { tmpdir } from 'node:os';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';

vi.setConfig({ testTimeout: 60_000, maxConcurrency: 2 });

const host = join(import.meta.dirname, '..', '..', '..', 'dist', 'job', 'trainer', 'tfjs-host.js');

async function inspect(text: string, options: Partial<Parameters<typeof inspectProgram>[1]> = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'inspect-'));
  try {
    return await inspectProgram(readFileSync(await bundleText('train', text, dir), 'utf8'), {
      host,
      ...options,
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const program = `import { defineTraining } from 'holdfast/training';
console.log('{"not":"the answer"}');
export default defineTraining({
  params: { learningRate: 0.1, sizes: [1, 2] }, seed: 7, inputs: { digits: './digits.bin' },
  setup() { throw new Error('setup must not run'); },
});`;

describe.concurrent('inspectProgram', () => {
  it('tells parameters, seed and inputs without running setup', async () => {
    expect(await inspect(program)).toEqual({
      params: { learningRate: 0.1, sizes: [1, 2] },
      schema: false,
      seed: 7,
      inputs: { digits: './digits.bin' },
    });
  });

  it('refuses a value that does not fit, naming the field', async () => {
    const attempt = inspect(program, { set: { learningRat: 1 } });
    await expect(attempt).rejects.toThrow(UsageError);
    await expect(attempt).rejects.toThrow('Did you mean `learningRate`?');
  });

  it('asks a schema, in the program itself', async () => {
    const text = `export default { setup() {}, params: { parse(value) {
      if (!(value.depth > 0)) throw Object.assign(new Error('no'), { issues: [{ path: ['depth'], message: 'is not positive' }] });
      return { rate: 0.5, ...value };
    } } };`;
    expect(await inspect(text, { set: { depth: 2 } })).toMatchObject({ params: null, schema: true, seed: 1 });
    await expect(inspect(text, { set: { depth: -1 } })).rejects.toThrow('parameter `depth`: is not positive');
  });

  it('names file and line of a program that throws while it is imported', async () => {
    const attempt = inspect(`// A word.\nconst nothing = undefined;\nexport default nothing.params;`);
    await expect(attempt).rejects.toThrow(UserProgramError);
    await expect(attempt).rejects.toThrow(/undefined.*\(train\.ts:3:24\)/);
  });

  it('says when a program ends the process, with what it printed last', async () => {
    const error: unknown = await inspect(`console.error('bye'); process.exit(3); export default {};`).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ message: expect.stringContaining('exit code 3'), hint: 'bye' });
  });

  it('does not wait for a program that never ends', async () => {
    await expect(inspect(`while (true);\nexport default {};`, { timeoutMs: 3_000 })).rejects.toThrow(
      /not imported within 3 s/,
    );
  });
});
