// Builds the native backend of TensorFlow.js for `npm run test:native`: the released `@tensorflow/tfjs-node`, compiled
// against the TensorFlow library of a Python wheel. Its own installer fetches both from a storage host that many networks
// do not reach; npm and pip with their mirrors are enough here.
//
//   node scripts/build-native.mjs           builds, or finds what was built before
//   node scripts/build-native.mjs --where   only tells, as JSON
//
// Kept outside of the tree, in $HOLDFAST_NATIVE_DIR or the user's cache: 1.1 GB. Where a prerequisite is missing nothing is
// built and the exit code is 0, since a machine without a compiler is no fault; a build that fails is one.
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const tfjs = '4.22.0';
// Any library of TensorFlow 2 has the C interface that the package calls (official: 2.9.1). This one was tried.
const tensorflow = '2.21.0';
// The wheel is only unpacked, so that the Python here need not be one that it was made for.
const wheelTags = [
  '--python-version',
  '3.11',
  '--implementation',
  'cp',
  '--platform',
  'manylinux_2_27_x86_64',
];
// The installer looks for the file of this version; the linker asks for `libtensorflow`.
const libraryLinks = {
  'libtensorflow.so': 'libtensorflow_cc.so.2',
  'libtensorflow.so.2.9.1': 'libtensorflow_cc.so.2',
  'libtensorflow_framework.so': 'libtensorflow_framework.so.2',
};
const unpack = `
import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
wanted = ('tensorflow/libtensorflow_cc.so.2', 'tensorflow/libtensorflow_framework.so.2', 'tensorflow/include/')
archive.extractall(sys.argv[2], [name for name in archive.namelist() if name.startswith(wanted)])
`;
const minuteMs = 60_000;

const userCache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
const cache = process.env['HOLDFAST_NATIVE_DIR'] ?? join(userCache, 'holdfast');
const home = join(cache, `native-tfjs-${tfjs}-tensorflow-${tensorflow}-${process.platform}-${process.arch}`);
// Written last: what it lies in is complete.
const figuresFile = join(home, 'built.json');
const missingFile = `${home}.missing`;

/** What a machine lacks. Told and skipped, unlike a failure of the build. */
class Missing extends Error {}

if (process.argv[2] === '--where') console.log(JSON.stringify(where()));
else await main();

function where() {
  if (existsSync(figuresFile)) return { home, ...JSON.parse(readFileSync(figuresFile, 'utf8')) };
  return {
    missing: existsSync(missingFile)
      ? readFileSync(missingFile, 'utf8')
      : 'it was not built: npm run test:native',
  };
}

async function main() {
  if (existsSync(figuresFile)) {
    console.log(`native backend: ${home}`);
    return;
  }
  try {
    await build();
    rmSync(missingFile, { force: true });
  } catch (error) {
    if (!(error instanceof Missing)) throw error;
    mkdirSync(cache, { recursive: true });
    writeFileSync(missingFile, error.message);
    console.warn(`native backend: not built. ${error.message}`);
  }
}

async function build() {
  const startedAt = performance.now();
  const nodeHeaders = await prerequisites();
  const part = `${home}.part-${process.pid}`;
  const native = join(part, 'node_modules', '@tensorflow', 'tfjs-node');
  const deps = join(native, 'deps');
  mkdirSync(part, { recursive: true });
  try {
    await fetchPackages(part);
    await fetchLibrary(part, deps);
    await compile({ part, native, nodeHeaders });
    // 13,000 headers and the objects of the compiler: nobody reads them any more.
    for (const left of ['deps/include', 'build-tmp-napi-v8'])
      rmSync(join(native, left), { recursive: true, force: true });
    await check(part);
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    const libraryBytes = statSync(join(deps, 'lib', 'libtensorflow_cc.so.2')).size;
    writeFileSync(join(part, 'built.json'), JSON.stringify({ tfjs, tensorflow, seconds, libraryBytes }));
    rmSync(home, { recursive: true, force: true });
    renameSync(part, home);
    console.log(`native backend: built in ${seconds} s, ${home}`);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

/** @returns the folder with Node's headers, if node-gyp need not fetch them */
async function prerequisites() {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Missing('It needs Linux on x86-64, for which the wheel is.');
  if (process.env['CI'] !== undefined && process.env['HOLDFAST_NATIVE'] !== '1')
    throw new Missing('CI fetches its 300 MB only when told to: HOLDFAST_NATIVE=1.');
  const tools = [
    ['python3', '-m', 'pip', '--version'],
    ['g++', '--version'],
    ['make', '--version'],
  ];
  const absent = [];
  for (const [tool, ...args] of tools)
    if (!(await succeeds(tool, args))) absent.push([tool, ...args.slice(0, -1)].join(' '));
  if (absent.length > 0) throw new Missing(`Not on this machine: ${absent.join(', ')}.`);
  const prefixes = [process.env['npm_config_nodedir'], dirname(dirname(process.execPath)), '/usr'];
  return prefixes.find(
    (prefix) => prefix !== undefined && existsSync(join(prefix, 'include', 'node', 'node_api.h')),
  );
}

async function fetchPackages(part) {
  writeFileSync(join(part, 'package.json'), JSON.stringify({ private: true }));
  // Their own install scripts would fetch what is built below.
  const packages = ['tfjs', 'tfjs-node', 'tfjs-backend-wasm'].map((name) => `@tensorflow/${name}@${tfjs}`);
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact', ...packages];
  if (!(await succeeds('npm', args, { cwd: part })))
    throw new Missing(`npm could not install ${packages.join(', ')}.`);
}

async function fetchLibrary(part, deps) {
  const wheels = join(part, 'wheels');
  const only = ['--no-deps', '--only-binary=:all:', ...wheelTags, '--retries', '1', '--dest', wheels];
  if (!(await succeeds('python3', ['-m', 'pip', 'download', ...only, `tensorflow-cpu==${tensorflow}`])))
    throw new Missing(`pip could not download tensorflow-cpu ${tensorflow}.`);
  const wheel = join(wheels, `tensorflow_cpu-${tensorflow}-cp311-cp311-manylinux_2_27_x86_64.whl`);
  await run('python3', ['-c', unpack, wheel, part]);
  rmSync(wheels, { recursive: true });
  const lib = join(deps, 'lib');
  mkdirSync(lib, { recursive: true });
  renameSync(join(part, 'tensorflow', 'include'), join(deps, 'include'));
  for (const library of new Set(Object.values(libraryLinks)))
    renameSync(join(part, 'tensorflow', library), join(lib, library));
  for (const [link, library] of Object.entries(libraryLinks)) symlinkSync(library, join(lib, link));
  rmSync(join(part, 'tensorflow'), { recursive: true });
}

/** As the package's own install script, without its look for a prebuilt binary on the storage host. */
async function compile({ part, native, nodeHeaders }) {
  const bin = join(part, 'node_modules', '.bin');
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env['PATH']}`,
    ...(nodeHeaders !== undefined && { npm_config_nodedir: nodeHeaders }),
  };
  try {
    await run(join(bin, 'node-pre-gyp'), ['install', '--build-from-source'], { cwd: native, env });
  } catch (error) {
    if (nodeHeaders !== undefined || existsSync(fetchedHeaders())) throw error;
    throw new Missing("Node's headers: node-gyp could not fetch them. npm_config_nodedir may name them.");
  }
}

/** Where node-gyp keeps the headers that it fetched. */
function fetchedHeaders() {
  const kept = process.env['npm_config_devdir'] ?? join(userCache, 'node-gyp');
  return join(kept, process.versions.node, 'include', 'node', 'node_api.h');
}

/** A library that does not load, or multiplies wrongly, must not be taken for a build. */
async function check(part) {
  const script = `const tf = require('@tensorflow/tfjs-node');
    if (tf.getBackend() !== 'tensorflow' || tf.matMul([[1, 2]], [[3], [4]]).dataSync()[0] !== 11) process.exit(1);`;
  await run(process.execPath, ['-e', script], { cwd: part });
}

async function succeeds(command, args, options = {}) {
  try {
    await run(command, args, options);
    return true;
  } catch {
    return false;
  }
}

/** Runs to the end; ten minutes are enough for 300 MB over a slow network. */
async function run(command, args, options = {}) {
  const child = spawn(command, args, {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.timeout(10 * minuteMs),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  const { promise, resolve, reject } = deferred();
  child.on('error', reject);
  child.on('close', resolve);
  if ((await promise) !== 0)
    throw new Error(`${[command, ...args].join(' ')} failed:\n${output.slice(-4_000)}`);
}

function deferred() {
  let resolve;
  let reject;
  const promise = new Promise((whenDone, whenFailed) => {
    resolve = whenDone;
    reject = whenFailed;
  });
  return { promise, resolve, reject };
}
