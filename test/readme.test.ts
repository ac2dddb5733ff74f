/** The programs that README.md shows: they compile, bundle and train, so that the documentation cannot rot. */
import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundleProgram } from '../lib/client/bundle-program.ts';
import { codeBlocks } from './support/house/document-rules.ts';
import { root } from './support/house/source-tree.ts';
import { tempDir } from './support/temp-dir.ts';

const programs = codeBlocks(readFileSync(join(root, 'README.md'), 'utf8'))
  .filter(({ language }) => language === 'ts')
  .map(({ code }) => code);
const main = join(root, 'dist', 'cli', 'main.js');

function typeErrors(code: string): string {
  const dir = tempDir();
  writeFileSync(join(dir, 'train.ts'), code);
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');
  const modules = join(root, 'node_modules');
  symlinkSync(modules, join(dir, 'node_modules'), 'junction');
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: { paths: { 'holdfast/training': [join(root, 'lib', 'training.ts')] } },
    files: [join(dir, 'train.ts')],
    include: [],
  };
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(modules, 'typescript', 'bin', 'tsc');
  return spawnSync(process.execPath, [tsc, '--noEmit', '-p', dir], { encoding: 'utf8' }).stdout;
}

function holdfast(
  cwd: string,
  ...args: readonly string[]
): { readonly code: number | null; readonly out: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, HOLDFAST_STORE: '', HOLDFAST_QUEUE: '' },
  });
  return { code: status, out: `${stdout}${stderr}` };
}

describe('README.md', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const api = readFileSync(join(root, 'lib', 'training', 'define-training.ts'), 'utf8');

  it.each(['Program', 'Training', 'StepMoment', 'Moment', 'Data', 'Setup', 'Rng'])(
    'tells every field of %s',
    (name) => {
      const [, body = ''] =
        new RegExp(`export interface ${name}\\b[^{]*\\{\\n([\\s\\S]*?)^\\}`, 'm').exec(api) ?? [];
      const fields = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[(<:]/gm)].map(([, field = '']) => field);
      expect(fields.length).toBeGreaterThan(1);
      expect(fields.filter((field) => !new RegExp(`\`[^\`]*\\b${field}\\b[^\`]*\``).test(readme))).toEqual(
        [],
      );
    },
  );

  it('tells every function that a program can import', () => {
    const entry = readFileSync(join(root, 'lib', 'training.ts'), 'utf8');
    const names = [...entry.matchAll(/(?<!type )\b([a-z]\w+)(?=[,\s}]*(?:\}|,\n|, type))/g)].map(
      ([, one = '']) => one,
    );
    const functions = names.filter((one) => !['export', 'type', 'from'].includes(one));
    expect(functions.length).toBeGreaterThan(8);
    expect(functions.filter((one) => !readme.includes(`\`${one}`))).toEqual([]);
  });
});

describe('the programs in README.md', () => {
  it('are two', () => expect(programs).toHaveLength(2));

  it.each(programs.map((code, at) => [at + 1, code] as const))('number %i compiles', (_, code) => {
    expect(typeErrors(code)).toBe('');
  });

  it('would not compile with a slip of the pen', () => {
    expect(typeErrors(programs[1]!.replace('indices.length', 'indices.size'))).toContain(
      "'size' does not exist",
    );
  });

  it.each(programs.map((code, at) => [at + 1, code] as const))('number %i bundles', async (_, code) => {
    const dir = tempDir();
    writeFileSync(join(dir, 'train.ts'), code);
    await expect(bundleProgram(join(dir, 'train.ts'))).resolves.toMatchObject({ sha256: expect.any(String) });
  });

  it('train to their ends', { timeout: 120_000 }, () => {
    const dir = tempDir();
    const jobs = [
      { id: 'first', change: 'epochs=2', steps: 32 },
      { id: 'second', change: 'steps=30', steps: 30 },
    ];
    jobs.forEach(({ id, change }, at) => {
      writeFileSync(join(dir, `${id}.ts`), programs[at]!);
      const submitted = holdfast(dir, 'submit', `${id}.ts`, '--id', id, '--backend', 'cpu', '--set', change);
      expect(submitted, submitted.out).toMatchObject({ code: 0 });
    });
    const worker = holdfast(dir, 'worker', '--once', '--heartbeat', '1s', '--visibility', '6s');
    expect(worker, worker.out).toMatchObject({ code: 0 });
    for (const { id, steps } of jobs) {
      const { state } = JSON.parse(holdfast(dir, 'show', id, '--json').out);
      expect(state).toMatchObject({ status: 'completed', end: { kind: 'completed', step: steps } });
    }
  });
});
