import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { UsageError } from '../../../lib/base/errors.ts';
import { bundleProgram } from '../../../lib/client/bundle-program.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bundle-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function source(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

/** Runs the bundle beside a host of our own, and returns its default export. */
async function load(code: string, host: object): Promise<unknown> {
  const path = await source(`${sha256Hex(code)}.mjs`, code);
  Object.defineProperty(globalThis, Symbol.for('holdfast.host'), { value: host, configurable: true });
  const module: { readonly default: unknown } = await import(path);
  return module.default;
}

const host = {
  tf: { tensor: (x: number) => ['tensor', x], data: { csv: () => 'csv' }, __esModule: true },
  training: { defineTraining: (program: unknown) => ({ defined: program }) },
};

describe('bundleProgram', () => {
  it('gives every flavour of TensorFlow.js and holdfast/training the one instance of the host', async () => {
    const entry = await source(
      'train.ts',
      `import * as tf from '@tensorflow/tfjs';
       import { tensor } from '@tensorflow/tfjs-node-gpu';
       import { tensor as again } from '@tensorflow/tfjs-core/dist/ops/tensor';
       import { csv } from '@tensorflow/tfjs-data';
       import { defineTraining } from 'holdfast/training';
       export default defineTraining([tf.tensor(1), tensor(2), tf.tensor === again, csv()]);`,
    );
    const { code } = await bundleProgram(entry);
    expect(await load(code, host)).toEqual({ defined: [['tensor', 1], ['tensor', 2], true, 'csv'] });
  });

  it('keeps nothing of what is imported for its types alone', async () => {
    const entry = await source(
      'train.ts',
      `import type { Tensor } from '@tensorflow/tfjs';
       export default ((x: Tensor | number) => x);`,
    );
    expect((await bundleProgram(entry)).code).not.toContain('holdfast.host');
  });

  it('bundles relative modules, and dependencies in CommonJS that require what Node brings along', async () => {
    await source('node_modules/old/package.json', '{"name":"old","main":"index.js"}');
    await source('node_modules/old/index.js', "exports.join = require('path').join;");
    await source('part/value.ts', 'export const value: number = 7;');
    const entry = await source(
      'train.ts',
      `import { join } from 'old';
       import { value } from './part/value.ts';
       export default [join('a', 'b'), value];`,
    );
    const { code } = await bundleProgram(entry);
    expect(await load(code, host)).toEqual(['a/b', 7]);
  });

  it('gives the same bytes for the same source in another folder and from another working directory', async () => {
    const text = `import { part } from './part.ts'; export default { part };`;
    await source('a/part.ts', 'export const part = 1;');
    await source('some/where/else/part.ts', 'export const part = 1;');
    const one = await bundleProgram(await source('a/train.ts', text));
    const before = process.cwd();
    process.chdir(folder);
    try {
      await source('some/where/else/train.ts', text);
      const other = await bundleProgram('some/where/else/train.ts');
      expect(other).toEqual(one);
    } finally {
      process.chdir(before);
    }
    expect(one.sha256).toBe(sha256Hex(one.code));
    expect(one.code).not.toContain(folder);
  });

  it('gives another digest when only a comment changed, because lines of stacks move with it', async () => {
    const one = await bundleProgram(await source('train.ts', 'export default 1;'));
    const other = await bundleProgram(await source('train.ts', '// A word.\nexport default 1;'));
    expect(other.sha256).not.toBe(one.sha256);
  });

  it('keeps a source map with the sources in it, named from the folder of the entry', async () => {
    await source('part.ts', 'export const part = 1;');
    const { code, sourceMap } = await bundleProgram(
      await source('train.ts', `import { part } from './part.ts'; export default part;`),
    );
    const map: { sources: string[]; sourcesContent: string[] } = JSON.parse(sourceMap);
    expect(map.sources).toEqual(['part.ts', 'train.ts']);
    expect(map.sourcesContent[0]).toBe('export const part = 1;');
    const inline = /\/\/# sourceMappingURL=data:application\/json;base64,(\S+)\n$/.exec(code);
    expect(Buffer.from(inline?.[1] ?? '', 'base64').toString()).toBe(sourceMap);
  });

  it.each([
    [
      'a module that does not exist',
      `import './missing.ts';\nexport default 1;`,
      /train\.ts:1:8: Could not resolve/,
    ],
    ['a syntax error', 'export default {\n  a: 1,,\n};', /train\.ts:2:8: /],
    ['no default export', 'export const program = 1;', /no default export/],
  ])('refuses %s, naming the place', async (_, text, message) => {
    const entry = await source('train.ts', text);
    const attempt = bundleProgram(entry);
    await expect(attempt).rejects.toThrow(UsageError);
    await expect(attempt).rejects.toThrow(message);
  });

  it('refuses a file that is not there, and a folder', async () => {
    await expect(bundleProgram(join(folder, 'none.ts'))).rejects.toThrow(/no such program file.*none\.ts/);
    await expect(bundleProgram(folder)).rejects.toThrow(/is not a file/);
  });

  it('shows a few of many errors and counts the rest', async () => {
    const entry = await source(
      'train.ts',
      `${Array.from({ length: 8 }, (_, i) => `import './m${i}.ts';`).join('\n')}\nexport default 1;`,
    );
    await expect(bundleProgram(entry)).rejects.toThrow(/m0\.ts[\s\S]*and 3 more/);
  });
});
