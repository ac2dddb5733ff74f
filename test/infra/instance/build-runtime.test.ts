import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  downloadList,
  instanceFile,
  recipeDigest,
  runtimeRecipe,
} from '../../../infra/instance/runtime-recipe.ts';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { tempDir } from '../../support/temp-dir.ts';

/** Does what the real one is asked for: installs packages for `npm ci`, and the addon for the install script. */
const fakeNode = String.raw`#!/bin/bash
echo node "$@" >>"$CALLS"
case "$1" in
  npm/bin/npm-cli.js)
    mkdir -p node_modules/@tensorflow/tfjs-node-gpu/scripts node_modules/.bin; test -f package-lock.json ;;
  scripts/install.js)
    test -f deps/lib/libtensorflow.so.2.9.1 || exit 1
    [ -n "$NO_ADDON" ] || { mkdir -p lib/napi-v8; echo addon >lib/napi-v8/tfjs_binding.node; } ;;
esac
`;

/** Files that a source's archive unpacks to, by what it is. */
function contents(file: string): Readonly<Record<string, string>> {
  if (file === 'node.tgz') return { 'package/bin/node': fakeNode, 'package/include/node/node.h': '' };
  if (file === 'npm.tgz') return { 'package/bin/npm-cli.js': '' };
  if (file === 'libtensorflow.tar.gz') {
    return { 'lib/libtensorflow.so.2.9.1': 'library', 'include/tensorflow/c/c_api.h': '' };
  }
  const name = file.replace('.tar.xz', '');
  return {
    [`${name}-archive/lib/lib${name}.so.11.0`]: name,
    [`${name}-archive/lib/lib${name}_static.a`]: 'static',
    [`${name}-archive/lib/stubs/lib${name}.so`]: 'stub',
    [`${name}-archive/include/${name}.h`]: '',
  };
}

/** Mirrors of every source, and a list of downloads with the digests of what they hold. */
function mirrors(folder: string): {
  readonly scripts: string;
  readonly env: Readonly<Record<string, string>>;
} {
  const scripts = join(folder, 'instance');
  mkdirSync(scripts);
  for (const name of ['build-runtime.sh', 'package.json', 'package-lock.json']) {
    writeFileSync(join(scripts, name), instanceFile(name));
  }
  const lines = runtimeRecipe.downloads.map(({ file, source, path }) => {
    const staged = join(folder, 'staged', file);
    for (const [name, text] of Object.entries(contents(file))) {
      mkdirSync(dirname(join(staged, name)), { recursive: true });
      writeFileSync(join(staged, name), text);
      chmodSync(join(staged, name), 0o755);
    }
    const archive = join(folder, 'mirror', source, path);
    mkdirSync(dirname(archive), { recursive: true });
    spawnSync('tar', ['-caf', archive, '-C', staged, ...readdirSync(staged)]);
    return `${sha256Hex(readFileSync(archive))} ${source} ${path} ${file}\n`;
  });
  writeFileSync(join(scripts, 'downloads.txt'), lines.join(''));
  const at = (source: string): string => `file://${join(folder, 'mirror', source)}`;
  return {
    scripts,
    env: {
      NPM_SOURCE: at('npm'),
      CUDA_SOURCE: at('cuda'),
      CUDNN_SOURCE: at('cudnn'),
      LIBTENSORFLOW_SOURCE: at('libtensorflow'),
      CALLS: join(folder, 'calls'),
    },
  };
}

function build(folder: string, scripts: string, env: Readonly<Record<string, string>>) {
  return spawnSync(
    'bash',
    [join(scripts, 'build-runtime.sh'), join(folder, 'target'), join(folder, 'scratch')],
    { encoding: 'utf8', env: { PATH: '/usr/bin:/bin', ...env } },
  );
}

describe('the runtime of an instance', () => {
  it('is put together from mirrors: Node.js, shared libraries, packages with their addon', () => {
    const folder = tempDir();
    const { scripts, env } = mirrors(folder);
    const { status, stderr } = build(folder, scripts, env);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const target = join(folder, 'target');
    expect(readdirSync(target).toSorted()).toEqual(['cuda', 'node', 'node_modules']);
    expect(readdirSync(join(target, 'cuda/lib')).toSorted()).toEqual(
      ['cublas', 'cudart', 'cudnn', 'cufft', 'curand', 'cusolver', 'cusparse'].map(
        (name) => `lib${name}.so.11.0`,
      ),
    );
    const gpu = join(target, 'node_modules/@tensorflow/tfjs-node-gpu');
    expect(readFileSync(join(gpu, 'lib/napi-v8/tfjs_binding.node'), 'utf8')).toBe('addon\n');
    expect(readFileSync(join(gpu, 'deps/lib/libtensorflow.so.2.9.1'), 'utf8')).toBe('library');
    // No package ran a script of its own, and the library was never fetched a second time.
    const calls = readFileSync(join(folder, 'calls'), 'utf8').split('\n');
    expect(calls[0]).toMatch(/^node npm\/bin\/npm-cli\.js ci --ignore-scripts --omit=dev --registry file:/);
    expect(calls[1]).toBe('node scripts/install.js gpu');
  });

  it('uses nothing of a download that is not what the recipe names', () => {
    const folder = tempDir();
    const { scripts, env } = mirrors(folder);
    const cudnn = runtimeRecipe.downloads.find(({ source }) => source === 'cudnn')?.path ?? '';
    writeFileSync(join(folder, 'mirror/cudnn', cudnn), 'something else');
    const { status, stderr } = build(folder, scripts, env);
    expect(status).not.toBe(0);
    expect(stderr).toContain('cudnn.tar.xz is not what the recipe names');
    expect(existsSync(join(folder, 'calls'))).toBe(false);
  });

  it('fails where the addon did not come', () => {
    const folder = tempDir();
    const { scripts, env } = mirrors(folder);
    const { status, stderr } = build(folder, scripts, { ...env, NO_ADDON: 'yes' });
    expect(status).not.toBe(0);
    expect(stderr).toContain('the addon of TensorFlow.js was not installed');
  });
});

describe('the recipe of the runtime', () => {
  it('names every file with its digest, once', () => {
    const lines = downloadList().trimEnd().split('\n');
    expect(lines).toHaveLength(10);
    for (const line of lines) expect(line).toMatch(/^[0-9a-f]{64} (npm|cuda|cudnn|libtensorflow) \S+ \S+$/);
    expect(new Set(lines.map((line) => line.split(' ')[3])).size).toBe(lines.length);
  });

  it('brings every library that libtensorflow 2.9.1 opens on a GPU', () => {
    const names = runtimeRecipe.downloads.map(({ file }) => file.split('.')[0]);
    for (const name of ['cudart', 'cublas', 'cufft', 'curand', 'cusolver', 'cusparse', 'cudnn']) {
      expect(names).toContain(name);
    }
    const paths = downloadList();
    // Later ones have other names (libcudnn.so.9, libcublas.so.12), which it never asks for.
    expect(paths).toMatch(/cudnn-linux-x86_64-8\.9\.\S+_cuda11/);
    expect(paths).toMatch(/cuda_cudart-linux-x86_64-11\.8\./);
  });

  it("is locked: the packages have exact versions and npm's digests, and name no registry", () => {
    const lock = JSON.parse(instanceFile('package-lock.json'));
    const packages: Readonly<Record<string, { integrity?: string; resolved?: string }>> = lock.packages;
    const installed = Object.entries(packages).filter(([path]) => path !== '');
    expect(installed.length).toBeGreaterThan(50);
    for (const [path, { integrity, resolved }] of installed) {
      expect(integrity, path).toMatch(/^sha512-/);
      expect(resolved, path).toBeUndefined();
    }
    for (const name of ['tfjs', 'tfjs-node-gpu', 'tfjs-backend-wasm']) {
      expect(lock.packages[`node_modules/@tensorflow/${name}`].version).toBe(runtimeRecipe.tfjs);
    }
  });

  it('computes with the very TensorFlow.js that jobs are tested with', () => {
    const own = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
    expect(own.dependencies['@tensorflow/tfjs']).toBe(runtimeRecipe.tfjs);
    expect(own.dependencies['@tensorflow/tfjs-backend-wasm']).toBe(runtimeRecipe.tfjs);
  });

  it('has a digest of its own that does not change by itself', () => {
    expect(recipeDigest()).toMatch(/^[0-9a-f]{64}$/);
    expect(recipeDigest()).toBe(recipeDigest());
  });
});
