import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { build, type BuildFailure, type BuildResult, type Message, type Plugin } from 'esbuild';
import { sha256Hex, type Sha256 } from '../base/digest.ts';
import { UsageError } from '../base/errors.ts';

export interface BundledProgram {
  /** An ES module that runs on its own beside the host, with its source map inline. */
  readonly code: string;
  /** The same source map as JSON; paths are relative to the folder of the entry. */
  readonly sourceMap: string;
  /** Of `code`. The same source gives the same digest in any folder and from any working directory. */
  readonly sha256: Sha256;
}

/** A program is code. More than this is data that was imported by mistake, and belongs into an input. */
const codeBytesMax = 64 * 1024 * 1024;

/** Dependencies in CommonJS call `require` for what Node brings along; an ES module has none of its own. */
const requireBanner =
  "import { createRequire as holdfastCreateRequire } from 'node:module'; const require = holdfastCreateRequire(import.meta.url);";

const hostGlobal = "globalThis[Symbol.for('holdfast.host')]";

/**
 * Bundles a training program, TypeScript or JavaScript, into one module. `holdfast/training` and every TensorFlow.js
 * package are left to the host, so that a program runs on whichever backend its machine has, with one instance of each.
 * @throws UsageError that names file and line when the source does not bundle, or exports no program
 */
export async function bundleProgram(entry: string): Promise<BundledProgram> {
  const path = resolve(entry);
  await mustBeFile(path, entry);
  const result = await runEsbuild(path);
  const [output] = Object.values(result.metafile.outputs).filter((file) => file.entryPoint !== undefined);
  if (!output?.exports.includes('default')) {
    throw new UsageError(`${basename(path)} has no default export.`, {
      hint: 'Write `export default defineTraining({ … })` in the program file.',
    });
  }
  const module = textOf(result, '.mjs');
  const sourceMap = textOf(result, '.map');
  const code = `${module}//# sourceMappingURL=data:application/json;base64,${Buffer.from(sourceMap).toString('base64')}\n`;
  const bytes = Buffer.byteLength(code);
  if (bytes > codeBytesMax) {
    throw new UsageError(`the bundled program is larger than ${codeBytesMax} bytes.`, {
      facts: { entry, bytes },
      hint: 'Read data from an input (`inputs` in the program, `--input NAME=PATH`) instead of importing it.',
    });
  }
  return { code, sourceMap, sha256: sha256Hex(code) };
}

type Bundle = BuildResult<{ metafile: true; write: false }>;

async function runEsbuild(path: string): Promise<Bundle> {
  const folder = dirname(path);
  try {
    return await build({
      entryPoints: [path],
      // Paths in comments, messages and the map are relative to this, whatever the working directory is.
      absWorkingDir: folder,
      outfile: join(folder, 'program.mjs'),
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      sourcemap: 'external',
      sourcesContent: true,
      legalComments: 'none',
      logLevel: 'silent',
      banner: { js: requireBanner },
      plugins: [hostModules],
    });
  } catch (error) {
    if (isBuildFailure(error)) throw bundleError(path, error.errors);
    throw error;
  }
}

/**
 * CommonJS on purpose: only then do named, default and namespace imports all work for an object that is known at run
 * time alone. The bundle keeps nothing of a package that is imported for its types.
 */
const hostModules: Plugin = {
  name: 'holdfast-host',
  setup(bundler) {
    bundler.onResolve({ filter: /^@tensorflow\/tfjs($|[-/])/ }, ({ path }) => ({
      path: path.startsWith('@tensorflow/tfjs-data') ? 'tf.data' : 'tf',
      namespace: 'holdfast-host',
    }));
    bundler.onResolve({ filter: /^holdfast\/training$/ }, () => ({
      path: 'training',
      namespace: 'holdfast-host',
    }));
    bundler.onLoad({ filter: /.*/, namespace: 'holdfast-host' }, ({ path }) => ({
      contents: `module.exports = ${hostGlobal}.${path};`,
      loader: 'js',
    }));
  },
};

async function mustBeFile(path: string, asGiven: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) return;
  throw new UsageError(
    found === undefined ? 'there is no such program file.' : 'the program is not a file.',
    {
      facts: { program: asGiven },
      hint: 'Give the TypeScript or JavaScript file that exports the program.',
    },
  );
}

function textOf(result: Bundle, ending: string): string {
  return result.outputFiles.find((file) => file.path.endsWith(ending))?.text ?? '';
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}

/** A wrong program may have hundreds of errors; the first few are what a person reads. */
const errorsShownMax = 5;

function bundleError(path: string, errors: readonly Message[]): UsageError {
  const shown = errors.slice(0, errorsShownMax).map(({ text, location }) => {
    if (location === null) return `  ${text}`;
    return `  ${location.file}:${location.line}:${location.column + 1}: ${text}`;
  });
  const more = errors.length - shown.length;
  const lines = more > 0 ? [...shown, `  and ${more} more`] : shown;
  return new UsageError([`${basename(path)} does not bundle:`, ...lines].join('\n'), {
    hint: 'A program is TypeScript or JavaScript; what it imports must be installed beside it.',
  });
}
