import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './house/source-tree.ts';
import { tempDir } from './temp-dir.ts';

/** What the fake CDK does. */
export interface FakeCdk {
  readonly stacks?: readonly string[];
  /** Stack → output → value, as a deployment writes them. */
  readonly outputs?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly differs?: boolean;
  /** False: account and region were never bootstrapped. */
  readonly prepared?: boolean;
  /** Command → what it says before it fails. */
  readonly fails?: Readonly<Record<string, string>>;
  /** This command goes on until it is interrupted. */
  readonly hangs?: string;
}

interface CdkProject {
  readonly cwd: string;
  env(fake?: FakeCdk): Readonly<Record<string, string>>;
  /** What the CDK was called with: the arguments of each call, or the signal that it got. */
  calls(): ReadonlyArray<{
    readonly args?: readonly string[];
    readonly signal?: string;
    readonly cwd?: string;
  }>;
}

/** A folder with a CDK app and a CDK that deploys nothing. */
export function cdkProject({ version = '2.1148.1', app = true } = {}): CdkProject {
  const cwd = tempDir();
  const tool = join(cwd, 'node_modules', 'aws-cdk');
  const noted = join(cwd, 'calls.ndjson');
  mkdirSync(tool, { recursive: true });
  const bin = { cdk: 'cdk.mjs' };
  writeFileSync(join(tool, 'package.json'), JSON.stringify({ name: 'aws-cdk', version, bin }));
  writeFileSync(join(tool, 'cdk.mjs'), readFileSync(join(root, 'test', 'support', 'fake-cdk.mjs'), 'utf8'));
  if (app) writeFileSync(join(cwd, 'cdk.json'), '{ "app": "node infra.mjs" }');
  return {
    cwd,
    env: (fake = {}) => ({ FAKE_CDK: JSON.stringify(fake), FAKE_CDK_CALLS: noted }),
    calls: () =>
      existsSync(noted)
        ? readFileSync(noted, 'utf8')
            .split('\n')
            .filter((line) => line !== '')
            .map((line): { readonly args?: readonly string[] } => Object(JSON.parse(line)))
        : [],
  };
}
