import { pathToFileURL } from 'node:url';
import { builtFile } from '../../lib/base/package-files.ts';
import { type Check, pass, warn } from '../../lib/client/doctor/check.ts';
import type { RunCommand } from '../../job/run-command.ts';

/** Loading TensorFlow.js takes a second, a native library ten on a slow disk. */
const timeoutMs = 30_000;

/**
 * The TensorFlow.js backend that a worker on this machine would train on. Opened in a process of its own: a native library
 * that does not fit ends its process.
 */
export function checkBackend(run: RunCommand): Check {
  return {
    name: 'backend',
    limitMs: timeoutMs + 1_000,
    async run(signal) {
      const module = pathToFileURL(builtFile('lib/tfjs/backend.js')).href;
      const script = `
        const { openBackend } = await import(${JSON.stringify(module)});
        const { runtime } = await openBackend();
        process.stdout.write('\\n' + JSON.stringify(runtime));
        process.exit(0);`;
      const said = await run(process.execPath, ['--input-type=module', '-e', script], { timeoutMs, signal });
      const runtime: unknown = JSON.parse(said.trim().split('\n').at(-1) ?? '');
      return found(Object(runtime));
    },
  };
}

function found({
  backend,
  versions,
}: {
  readonly backend: string;
  readonly versions: Readonly<Record<string, string>>;
}): ReturnType<typeof pass> {
  const { tfjs = '?', gpu } = versions;
  const native = Object.keys(versions).find((name) => name.startsWith('tfjs-node'));
  if (native !== undefined)
    return pass(
      `${native} ${versions[native] ?? ''} (TensorFlow.js ${tfjs})${gpu === undefined ? '' : ` on ${gpu}`}`,
    );
  const facts = `${backend} (TensorFlow.js ${tfjs}); no native backend is installed here`;
  return backend === 'cpu'
    ? warn(facts, 'npm install @tensorflow/tfjs-backend-wasm: plain JavaScript is many times slower')
    : pass(facts);
}
