import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { NotFoundError, UsageError } from '../../lib/base/errors.ts';
import { writeDeployment } from '../../lib/client/deployment-file.ts';
import type { Deployment } from '../../lib/contract/deployment.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import { deploymentsOf, parseStackOutputs, type StackOutputs } from '../../lib/contract/stack-outputs.ts';
import type { CliContext, Command } from '../context.ts';
import { CdkSession, type Comparison } from '../deploy/cdk-session.ts';
import { type AssemblyStack, chooseStack } from '../deploy/cloud-assembly.ts';
import type { UpInput } from '../deploy/inputs.ts';
import { regionDir } from '../region-dir.ts';

/** `holdfast up`: deploy, and remember what stands so that every other command finds it. */
export const up: Command<UpInput> = async (context, input) => {
  const outputs =
    input.outputs === undefined ? await deploy(context, input) : await readOutputs(context, input.outputs);
  const deployment = onlyDeployment(outputs, input);
  const dir = regionDir(context);
  const file = await writeDeployment(dir, deployment);
  report(context, { deployment, file, profile: input.profile });
  return exitCodes.ok;
};

async function deploy(context: CliContext, input: UpInput): Promise<readonly StackOutputs[]> {
  const { terminal } = context;
  const session = new CdkSession(context, input);
  // It stays: `holdfast down` deletes by it what was deployed by it, whatever the app says by then.
  const dir = join(regionDir(context), 'cdk.out');
  terminal.say(
    `Synthesizing ${session.app.isOwn ? 'the app of this package' : 'the app of cdk.json'} with AWS CDK ${session.tool.version}.`,
  );
  const stack = chooseStack(await session.synthesize(dir), input.stack);
  const comparison = await session.compare(dir, stack, {
    onText: (text) => context.streams.writeErr(text),
  });
  await agree(context, { stack, comparison, yes: input.yes });
  if (comparison.needsBootstrap) await session.bootstrap(dir, comparison.environment);
  try {
    const outputs = await session.deploy(dir, stack);
    return outputs.filter((one) => one.stack === stack.name);
  } catch (error) {
    if (context.untilInterrupted().aborted) {
      terminal.say('CloudFormation goes on by itself. `holdfast up` takes it up again once it has ended.');
    }
    throw error;
  }
}

/**
 * Nothing is created, changed or paid for that was not shown and agreed to.
 * @throws UsageError when nobody agreed
 */
async function agree(
  context: CliContext,
  asked: { readonly stack: AssemblyStack; readonly comparison: Comparison; readonly yes: boolean },
): Promise<void> {
  const { terminal } = context;
  const { stack, comparison, yes } = asked;
  const { differs, needsBootstrap, environment } = comparison;
  if (!differs && !needsBootstrap) return;
  const where = environment ?? 'the account that the AWS CDK found';
  if (needsBootstrap) {
    terminal.say(
      `${where} was never prepared for the AWS CDK. Its own stack CDKToolkit is made first, once: a bucket, a repository for images, and roles.`,
    );
  }
  if (yes) return;
  const agreed = await context.confirm(`Deploy stack ${stack.name} as shown above to ${where}?`);
  if (agreed === true) return;
  throw new UsageError('nothing was deployed.', {
    hint:
      agreed === undefined
        ? 'Nobody is at the keyboard to agree. `holdfast up --yes` deploys what is shown above.'
        : '`holdfast diff` shows again what would be deployed.',
  });
}

async function readOutputs({ cwd }: CliContext, file: string): Promise<readonly StackOutputs[]> {
  const path = resolve(cwd, file);
  const hint = 'It is what `cdk deploy --outputs-file` or `aws cloudformation describe-stacks` writes.';
  let document: unknown;
  try {
    document = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new UsageError('the file of outputs cannot be read:', { facts: { file: path }, hint, cause });
  }
  const outputs = parseStackOutputs(document);
  if (outputs === undefined) {
    throw new UsageError('the file holds no outputs of stacks:', { facts: { file: path }, hint });
  }
  return outputs;
}

function onlyDeployment(outputs: readonly StackOutputs[], { stack, region }: UpInput): Deployment {
  const named = outputs.filter((one) => stack === undefined || one.stack === stack);
  const [only, ...others] = (named.length > 0 ? named : outputs).flatMap(deploymentsOf);
  if (only === undefined) {
    throw new NotFoundError('no stack has the outputs of a fleet.', {
      facts: { stacks: outputs.map((one) => one.stack).join(', ') },
      hint: 'A stack with `new SpotTraining(…)` from holdfast/infra has them.',
    });
  }
  if (others.length > 0) {
    throw new UsageError('there are several fleets:', {
      facts: { stacks: [only, ...others].map((one) => one.stack).join(', ') },
      hint: 'Name the stack with --stack. Two fleets in one stack need --store and --queue at every command.',
    });
  }
  return only.region === undefined && region !== undefined ? { ...only, region } : only;
}

function report(
  { terminal }: CliContext,
  done: { readonly deployment: Deployment; readonly file: string; readonly profile: string | undefined },
): void {
  const { deployment, file, profile } = done;
  if (terminal.json) {
    terminal.printJson({ deployment, file });
    return;
  }
  const { format: _, ...facts } = deployment;
  const width = Math.max(...Object.keys(facts).map((name) => name.length));
  for (const [name, value] of Object.entries(facts)) {
    const shown = Array.isArray(value) ? value.join(', ') : value;
    terminal.print(`${name.padEnd(width)}  ${shown}`);
  }
  terminal.suggest(`Written to ${file}. No machine runs while no job waits.`);
  const prefix = profile === undefined ? '' : `AWS_PROFILE=${profile} `;
  terminal.suggest(`Next: ${prefix}npx holdfast submit train.ts`);
}
