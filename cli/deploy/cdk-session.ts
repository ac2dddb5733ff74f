import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { NotFoundError, UsageError } from '../../lib/base/errors.ts';
import { parseStackOutputs, type StackOutputs } from '../../lib/contract/stack-outputs.ts';
import type { CliContext } from '../context.ts';
import { cdkFailure } from './cdk-failure.ts';
import { type AssemblyStack, readAssembly } from './cloud-assembly.ts';
import { type CdkApp, type CdkTool, findApp, findCdk } from './find-cdk.ts';
import { type CdkEnd, runCdk } from './run-cdk.ts';

/** What a person may tell the CDK. */
export interface CdkOptions {
  /** `key=value`, for the app. */
  readonly context: readonly string[];
  readonly profile?: string;
  readonly region?: string;
  /** Further words for the CDK's own command, given after `--`. */
  readonly words: readonly string[];
}

/** How the deployed stack differs from the synthesized one. */
export interface Comparison {
  readonly differs: boolean;
  /** The account and region were never prepared for the CDK. */
  readonly needsBootstrap: boolean;
  /** `aws://account/region`; undefined where the CDK did not say. */
  readonly environment: string | undefined;
}

/** The app as it was synthesized; the CDK would build it again first where its cdk.json says how. */
const synthesized = (dir: string): readonly string[] => ['--app', dir, '--build', ''];

/** Commands of the CDK about one app. Every one throws what `cdkFailure` makes of a failure. */
export class CdkSession {
  readonly tool: CdkTool;
  readonly app: CdkApp;
  readonly #context: CliContext;
  readonly #options: CdkOptions;
  readonly #signal: AbortSignal;

  constructor(context: CliContext, options: CdkOptions) {
    const [first] = options.words;
    if (first !== undefined && !first.startsWith('-')) {
      throw new UsageError(`what is \`${first}\`?`, {
        hint: 'A stack is named with --stack; options of the CDK follow after --.',
      });
    }
    const unreadable = options.context.find((value) => !/^[^=\s]+=/.test(value));
    if (unreadable !== undefined) {
      throw new UsageError(`-c \`${unreadable}\` sets nothing.`, { hint: 'For example: -c maxCapacity=8' });
    }
    this.tool = findCdk(context.cwd);
    this.app = findApp(context.cwd);
    // A limit that somebody believes in must not be passed over in silence: an app need not read what -c says.
    if (options.context.length > 0 && !this.app.isOwn) {
      context.terminal.say(
        'note: -c means what the app of cdk.json reads of it; without propsFromContext it reads nothing.',
      );
    }
    this.#context = context;
    this.#options = options;
    this.#signal = context.untilInterrupted();
  }

  /** Runs the app: what it describes lies in `dir` then, which is replaced. */
  async synthesize(dir: string): Promise<readonly AssemblyStack[]> {
    // What an earlier run left there, as its validation report, would be shown again.
    await rm(dir, { recursive: true, force: true });
    await mkdir(dirname(dir), { recursive: true });
    const values = this.#options.context.flatMap((value) => ['-c', value]);
    const args = ['synth', '--quiet', '--output', dir, ...this.app.args, ...values];
    const end = await this.#run([...args, ...this.#account()]);
    if (end.code !== 0) throw cdkFailure('synthesize the app', end);
    const stacks = await readAssembly(dir);
    if (stacks === undefined) throw new NotFoundError('the app wrote nothing.', { facts: { dir } });
    return stacks;
  }

  /** Compares with what is deployed; `words` are further options of the CDK. Reads only, unless they say otherwise. */
  async compare(
    dir: string,
    stack: AssemblyStack,
    { onText, words = [] }: { readonly onText: (text: string) => void; readonly words?: readonly string[] },
  ): Promise<Comparison> {
    const isSaid = words.some((word) => /^(?:--method|-m|--change-?set|--template)\b/.test(word));
    const method = isSaid ? [] : ['--method=template'];
    const args = ['diff', stack.id, ...synthesized(dir), '--exclusively', '--fail', ...method, ...words];
    const end = await this.#run([...args, ...this.#account()], onText);
    const count = /Number of stacks with differences: (\d+)/.exec(end.text)?.[1];
    // Exit code 1 stands for differences as well as for a failure; only a comparison that was made counts its stacks.
    if (count === undefined) throw cdkFailure('compare with what is deployed', end);
    return {
      differs: count !== '0',
      needsBootstrap: /environment been bootstrapped/i.test(end.text),
      environment: /aws:\/\/\d+\/[a-z0-9-]+/.exec(end.text)?.[0],
    };
  }

  /** Makes the CDK's own stack, with which an account and region are prepared. */
  async bootstrap(dir: string, environment: string | undefined): Promise<void> {
    const where = environment === undefined ? [] : [environment];
    const end = await this.#run(['bootstrap', ...where, ...synthesized(dir), ...this.#account()]);
    if (end.code !== 0) throw cdkFailure('prepare the account for the AWS CDK', end);
  }

  /** Deploys, asking nothing; returns the outputs of every stack that was deployed. */
  async deploy(dir: string, stack: AssemblyStack): Promise<readonly StackOutputs[]> {
    const scratch = await mkdtemp(join(tmpdir(), 'holdfast-outputs-'));
    try {
      const file = join(scratch, 'outputs.json');
      const rules = ['--require-approval', 'never', '--progress', 'events', '--outputs-file', file];
      const args = ['deploy', stack.id, ...synthesized(dir), ...rules, ...this.#options.words];
      const end = await this.#run([...args, ...this.#account()]);
      if (end.code !== 0) throw cdkFailure('deploy the stack', end);
      return parseStackOutputs(JSON.parse(await readFile(file, 'utf8'))) ?? [];
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  /** Deletes the stack, asking nothing. One that is gone already is no failure. */
  async destroy(dir: string, stack: AssemblyStack): Promise<void> {
    const args = ['destroy', stack.id, ...synthesized(dir), '--exclusively', '--force'];
    const end = await this.#run([...args, ...this.#options.words, ...this.#account()]);
    if (end.code !== 0) throw cdkFailure('delete the stack', end);
  }

  #account(): readonly string[] {
    const { profile, region } = this.#options;
    return [
      ...(profile === undefined ? [] : ['--profile', profile]),
      ...(region === undefined ? [] : ['--region', region]),
    ];
  }

  /** What the CDK says is talk, unless it is what was asked for. */
  #run(
    args: readonly string[],
    onText: (text: string) => void = (text) => this.#context.streams.writeErr(text),
  ): Promise<CdkEnd> {
    const { env, clock } = this.#context;
    return runCdk({ cdk: this.tool, cwd: this.app.cwd, args }, { env, clock, signal: this.#signal, onText });
  }
}
