import { resolve } from 'node:path';
import { ConflictError, NotFoundError, UsageError } from '../../lib/base/errors.ts';
import { forgetPreviousDeployment, setDeploymentAside } from '../../lib/client/deployment-file.ts';
import { readDeployment } from '../../lib/client/locate-region.ts';
import { listJobs } from '../../lib/client/read-job.ts';
import { summarizeJob } from '../../lib/client/summarize-job.ts';
import type { Deployment } from '../../lib/contract/deployment.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { CliContext, Command } from '../context.ts';
import { freeMachines } from '../free-machines.ts';
import { CdkSession } from '../deploy/cdk-session.ts';
import { type AssemblyStack, readAssembly } from '../deploy/cloud-assembly.ts';
import type { DownInput } from '../deploy/inputs.ts';
import { regionDir } from '../region-dir.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast down`: delete the stack; the bucket with every job stays, unless told otherwise. */
export const down: Command<DownInput> = async (context, input) => {
  // From here on Ctrl-C ends a question or a step, and the command says how far it came.
  context.untilInterrupted();
  const dir = regionDir(context);
  const standing = await readDeployment(dir);
  const deployment = standing ?? (await dataLeftBehind(dir, input));
  if (standing !== undefined && !input.force) await refuseWhileJobsRun(context, standing);
  const stack = standing === undefined ? undefined : stackOf(standing, input);
  await agree(context, { deployment, stack, input });
  if (stack !== undefined) {
    await freeMachines(context, deployment, input.profile);
    await destroy(context, { stack, dir, input });
  }
  const data = input.deleteData ? await deleteData(context, deployment, input) : undefined;
  // Last of all, so that what was cut short can be typed again.
  const previous = await setDeploymentAside(dir);
  if (data !== undefined) await forgetPreviousDeployment(dir);
  report(context, { deployment, stack, data, previous });
  return exitCodes.ok;
};

/**
 * What an earlier `holdfast down` left behind, where it shall go now.
 * @throws NotFoundError when nothing is deployed and nothing is left to delete
 */
async function dataLeftBehind(dir: string, { deleteData: deletes }: DownInput): Promise<Deployment> {
  const previous = await readDeployment(dir, 'deployment.previous.json');
  if (previous !== undefined && deletes) return previous;
  throw new NotFoundError('nothing is deployed from here.', {
    facts: { dir },
    hint:
      previous === undefined
        ? '`holdfast up --outputs FILE` learns of a stack that was deployed elsewhere.'
        : `The jobs of the last deployment are still in ${previous.store}: \`holdfast down --delete-data\` deletes them.`,
  });
}

/** A deployment that is torn down takes its machines at once. */
async function refuseWhileJobsRun(context: CliContext, { store }: Deployment): Promise<void> {
  const place = { ...context, options: { ...context.options, store, queue: undefined } };
  const running = await withRegion(place, async (region) =>
    (await listJobs(region)).jobs
      .map(summarizeJob)
      .filter(({ status, silent }) => status === 'running' && !silent),
  );
  if (running.length === 0) return;
  for (const { jobId, step } of running) context.terminal.say(`${jobId} runs, at step ${step}`);
  throw new ConflictError('jobs are running.', {
    facts: { jobs: running.length },
    hint: '`holdfast pause JOB --wait` saves one and lets its machine go; `holdfast down --force` does not wait.',
  });
}

function stackOf({ stack }: Deployment, input: DownInput): string {
  const name = input.stack ?? stack;
  if (name === undefined) {
    throw new UsageError('the deployment does not say of which stack it is.', {
      hint: 'Name it with --stack.',
    });
  }
  return name;
}

/**
 * The name is typed, so that nobody deletes a stack that is not the one he has in mind; and again that of the bucket.
 * @throws UsageError when it was not
 */
async function agree(
  context: CliContext,
  asked: {
    readonly deployment: Deployment;
    readonly stack: string | undefined;
    readonly input: DownInput;
  },
): Promise<void> {
  const { deployment, stack, input } = asked;
  if (input.yes) return;
  const bucket = bucketOf(deployment);
  const questions = [
    ...(stack === undefined
      ? []
      : [{ word: stack, what: `This deletes the stack ${stack} with its machines and its queue.` }]),
    ...(input.deleteData
      ? [
          {
            word: bucket,
            what: `This deletes the bucket ${bucket} with every job and checkpoint in it. Nothing brings them back.`,
          },
        ]
      : []),
  ];
  for (const { word, what } of questions) {
    context.terminal.say(what);
    const typed = await context.ask(`Type ${word} to go on:`);
    if (typed === word) continue;
    throw new UsageError('nothing was deleted.', {
      hint:
        typed === undefined
          ? 'Nobody is at the keyboard to agree; --yes does.'
          : `It was not \`${word}\` that was typed.`,
    });
  }
}

async function destroy(
  context: CliContext,
  what: { readonly stack: string; readonly dir: string; readonly input: DownInput },
): Promise<void> {
  const { stack, dir, input } = what;
  const session = new CdkSession(context, input);
  const isMeant = ({ id, name }: AssemblyStack): boolean => name === stack || id === stack;
  const deployed = resolve(dir, 'cdk.out');
  // What was deployed last; else what the app describes today.
  const found =
    (await readAssembly(deployed))?.find(isMeant) ?? (await session.synthesize(deployed)).find(isMeant);
  if (found === undefined) {
    throw new NotFoundError('the app has no such stack:', {
      facts: { stack },
      hint: 'Give the settings that it was deployed with (-c), or delete it with `aws cloudformation delete-stack`.',
    });
  }
  await session.destroy(deployed, found);
}

async function deleteData(
  context: CliContext,
  deployment: Deployment,
  { profile }: DownInput,
): Promise<number> {
  const { terminal, clock, random } = context;
  const { deleteBucket } = await import('../../lib/aws/delete-bucket.ts');
  terminal.say(`Deleting every version of every object in ${bucketOf(deployment)}.`);
  const { deleted } = await deleteBucket(deployment.store, {
    clock,
    random,
    profile,
    signal: context.untilInterrupted(),
    onProgress: (count) => terminal.say(`  ${count} deleted`),
  });
  return deleted;
}

const bucketOf = ({ store }: Deployment): string => store.replace(/^s3:\/\//, '').replace(/[/?].*$/s, '');

function report(
  { terminal }: CliContext,
  done: {
    readonly deployment: Deployment;
    readonly stack: string | undefined;
    /** Versions that were deleted; undefined where the bucket stays. */
    readonly data: number | undefined;
    readonly previous: string | undefined;
  },
): void {
  const { deployment, stack, data, previous } = done;
  const { store } = deployment;
  if (terminal.json) {
    terminal.printJson({
      stack: stack ?? null,
      store,
      data: data === undefined ? 'kept' : 'deleted',
      versionsDeleted: data ?? 0,
    });
    return;
  }
  if (stack !== undefined) terminal.print(`deleted  stack ${stack}`);
  terminal.print(`${data === undefined ? 'kept   ' : 'deleted'}  ${store}`);
  if (data !== undefined) return;
  terminal.suggest(
    `Every job and checkpoint is still there, unless the stack was told to delete it. Read on with \`holdfast ls --store '${store}'\`.`,
  );
  if (previous !== undefined)
    terminal.suggest(
      `The address is kept in ${previous}. \`holdfast up -c bucket=${bucketOf(deployment)}\` puts a fleet on it again; \`holdfast down --delete-data\` deletes it.`,
    );
}
