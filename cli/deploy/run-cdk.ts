import { type ChildProcess, spawn as spawnProcess } from 'node:child_process';
import { delimiter, dirname } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Clock } from '../../lib/base/clock.ts';
import { UnfitError } from '../../lib/base/errors.ts';
import type { CdkTool } from './find-cdk.ts';

export interface CdkCall {
  readonly cdk: CdkTool;
  readonly cwd: string;
  readonly args: readonly string[];
}

export interface CdkPorts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Ctrl-C: the CDK is interrupted too. */
  readonly signal: AbortSignal;
  /** What the CDK says, as it says it. */
  onText(text: string): void;
  readonly spawn?: typeof spawnProcess;
}

export interface CdkEnd {
  /** Null when a signal ended it. */
  readonly code: number | null;
  /** The last of what it said, without colours. */
  readonly text: string;
}

/** Characters of the CDK's talk that are kept to look for reasons in: the differences of a whole stack are a tenth of it. */
const keptMax = 1_000_000;
/** The CDK ends at once when it is interrupted; one that does not within this time is killed. */
const endsWithinMs = 10_000;

/**
 * Runs one command of the CDK to its end. It shares the terminal's process group, but not the keyboard: whatever there is
 * to confirm has been confirmed before.
 * @throws the signal's reason when it was interrupted
 */
export async function runCdk({ cdk, cwd, args }: CdkCall, ports: CdkPorts): Promise<CdkEnd> {
  const { env, signal, spawn = spawnProcess } = ports;
  signal.throwIfAborted();
  const child = spawn(process.execPath, [cdk.file, ...args], {
    cwd,
    env: { ...quiet, ...env, PATH: pathWithThisNode(env['PATH']) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const keep = (chunk: string): void => {
    text = `${text}${chunk}`.slice(-keptMax);
    ports.onText(chunk);
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', keep);
  const code = await endOf(child, ports);
  signal.throwIfAborted();
  return { code, text: stripVTControlCharacters(text) };
}

/** Nothing that a person who deploys could act upon. */
const quiet = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', JSII_DEPRECATED: 'quiet' };

/** The app runs by the very Node.js that runs this, also where another one is found first. */
function pathWithThisNode(path = ''): string {
  return [dirname(process.execPath), ...(path === '' ? [] : [path])].join(delimiter);
}

function endOf(child: ChildProcess, { signal, clock }: CdkPorts): Promise<number | null> {
  const over = new AbortController();
  const interrupt = (): void => {
    // From the keyboard the whole process group has the signal already; a second one finds nobody.
    child.kill('SIGINT');
    clock.sleep(endsWithinMs, over.signal).then(
      () => child.kill('SIGKILL'),
      // It ended by itself.
      () => {},
    );
  };
  signal.addEventListener('abort', interrupt, { once: true });
  return new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause) => reject(new UnfitError('the AWS CDK could not be started.', { cause })));
    child.once('close', (code) => resolve(code));
  }).finally(() => {
    signal.removeEventListener('abort', interrupt);
    over.abort();
  });
}
