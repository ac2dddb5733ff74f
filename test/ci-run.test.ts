import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './support/house/source-tree.ts';
import { tempDir } from './support/temp-dir.ts';

/** What a stand-in for npm prints and returns for each of its command lines; anything else succeeds in silence. */
type Script = Readonly<Record<string, readonly [exitCode: number, output: string]>>;

const bench = 'run --silent bench -- --quick --json';
const wholeReport = readFileSync(join(root, 'docs', 'performance.json'), 'utf8');

/**
 * Runs `.ci/run` with a stand-in for npm. Unless the script says otherwise moto and the native backend are not there, and
 * the benchmark reports every row.
 */
function ciRun(told: Script): {
  readonly code: number | null;
  readonly last: string;
  readonly text: string;
} {
  const dir = tempDir();
  const notHere = [0, summary('1 skipped (1)')] as const;
  const script: Script = {
    'run test:moto': notHere,
    'run test:native': notHere,
    'run test:histories': notHere,
    'run test:proof': notHere,
    [bench]: [0, wholeReport],
    ...told,
  };
  const cases = Object.entries(script).map(([words, [code, output]], at) => {
    writeFileSync(join(dir, `output-${at}`), output);
    return `"${words}") cat "${dir}/output-${at}"; exit ${code} ;;`;
  });
  writeFileSync(join(dir, 'npm'), `#!/bin/sh\ncase "$*" in\n${cases.join('\n')}\nesac\n`);
  chmodSync(join(dir, 'npm'), 0o755);
  const { status, stdout } = spawnSync(join(root, '.ci', 'run'), {
    env: { ...process.env, PATH: `${dir}${delimiter}${process.env['PATH']}` },
    encoding: 'utf8',
  });
  return { code: status, last: stdout.trimEnd().split('\n').at(-1) ?? '', text: stdout };
}

const summary = (tests: string, files = '3 passed (3)'): string =>
  `\n Test Files  ${files}\n      Tests  ${tests}\n   Start at  10:00:00\n   Duration  1.20s (tests 3ms)\n`;

describe.skipIf(process.platform === 'win32')('.ci/run', () => {
  it('ends with what vitest counted', () => {
    const { code, last, text } = ciRun({ test: [0, summary('40 passed | 2 skipped | 1 todo (43)')] });
    expect(last).toBe('41 passed, 0 failed, 7 skipped');
    expect(code).toBe(0);
    for (const part of ['lint', 'format:check', 'types', 'unused', 'build', 'package'])
      expect(text).toContain(`== npm run ${part}: ok`);
  });

  it('counts failed tests, also through colours', () => {
    const coloured = summary(
      '\u001B[1m\u001B[31m2 failed\u001B[39m\u001B[22m | \u001B[32m41 passed\u001B[39m (43)',
    );
    const { code, last } = ciRun({ test: [1, coloured] });
    expect(last).toBe('42 passed, 2 failed, 4 skipped');
    expect(code).toBe(1);
  });

  it('takes a test file that cannot be imported for a failure', () => {
    const { code, last } = ciRun({ test: [1, summary('40 passed (40)', '1 failed | 3 passed (4)')] });
    expect(last).toBe('41 passed, 1 failed, 4 skipped');
    expect(code).toBe(1);
  });

  it('takes a run without a summary, or without any test, for a failure', () => {
    expect(ciRun({ test: [137, 'killed\n'] })).toMatchObject({
      code: 1,
      last: '1 passed, 1 failed, 4 skipped',
    });
    expect(ciRun({ test: [0, ''] })).toMatchObject({ code: 1, last: '1 passed, 1 failed, 4 skipped' });
  });

  it('reads the summary of vitest alone, whatever the tests print', () => {
    const { last } = ciRun({
      test: [0, `Tests  9 failed here\n${summary('40 passed (40)')}it passed 7 (3)\n`],
    });
    expect(last).toBe('41 passed, 0 failed, 4 skipped');
  });

  it.each(['run test:moto', 'run test:native', 'run test:histories', 'run test:proof'])(
    'adds what `npm %s` counted, and its failures',
    (part) => {
      const test = [0, summary('40 passed (40)')] as const;
      expect(ciRun({ test, [part]: [0, summary('9 passed (9)')] })).toMatchObject({
        code: 0,
        last: '50 passed, 0 failed, 3 skipped',
      });
      expect(ciRun({ test, [part]: [1, summary('1 failed | 8 passed (9)')] })).toMatchObject({
        code: 1,
        last: '49 passed, 1 failed, 3 skipped',
      });
      expect(ciRun({ test, [part]: [124, 'killed\n'] })).toMatchObject({
        code: 1,
        last: '41 passed, 1 failed, 3 skipped',
      });
    },
  );

  it('goes on after a failed check, and counts each', () => {
    const { code, last, text } = ciRun({
      test: [0, summary('40 passed (40)')],
      'run lint': [1, 'x\n'],
      'run unused': [1, 'x\n'],
    });
    expect(last).toBe('41 passed, 2 failed, 4 skipped');
    expect(text).toContain('== npm run package: ok');
    expect(code).toBe(1);
  });

  it('counts the benchmark as one test, for every row being told and not for what it says', () => {
    const test = [0, summary('40 passed (40)')] as const;
    const { schemaVersion, machine, results } = JSON.parse(wholeReport) as {
      schemaVersion: number;
      machine: object;
      results: ReadonlyArray<Record<string, unknown>>;
    };
    const reportOf = (rows: readonly object[]): string =>
      JSON.stringify({ schemaVersion, machine, results: rows });
    const slow = results.map((row) => (row['met'] === null ? row : { ...row, value: 1e6, met: false }));
    expect(ciRun({ test, [bench]: [0, reportOf(slow)] }).last).toBe('41 passed, 0 failed, 4 skipped');
    expect(ciRun({ test, [bench]: [1, wholeReport] }).last).toBe('40 passed, 1 failed, 4 skipped');

    const isWhole = (input: string): boolean =>
      spawnSync(process.execPath, [join(root, 'scripts', 'check-bench.mjs')], { input }).status === 0;
    const figures = { value: null, median: null, worst: null, met: null };
    expect(isWhole(reportOf(results.map((row) => ({ ...row, ...figures, why: 'no time' }))))).toBe(true);
    expect(isWhole(reportOf(results.map((row) => ({ ...row, ...figures, why: '' }))))).toBe(false);
    expect(isWhole(reportOf(results.slice(1)))).toBe(false);
    expect(isWhole('no report')).toBe(false);
  });

  it('stops when the dependencies cannot be installed', () => {
    const { code, last, text } = ciRun({ ci: [1, ''], test: [0, summary('40 passed (40)')] });
    expect(last).toBe('0 passed, 1 failed, 0 skipped');
    expect(text).not.toContain('npm test');
    expect(code).toBe(1);
  });
});
