import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { NotFoundError, UsageError } from '../../lib/base/errors.ts';
import { unlessMissing } from '../../lib/base/file-errors.ts';

/** A stack of a synthesized app. */
export interface AssemblyStack {
  /** What the CDK calls it on its command line. */
  readonly id: string;
  /** What CloudFormation calls it. */
  readonly name: string;
}

/** The part of `manifest.json` that is read here; the CDK's own schema has far more. */
const manifestSchema = z.object({
  artifacts: z
    .record(
      z.string(),
      z.object({
        type: z.string(),
        displayName: z.string().optional(),
        properties: z
          .object({ stackName: z.string().optional(), directoryName: z.string().optional() })
          .optional(),
      }),
    )
    .default({}),
});

/** Stages may hold stages, but nobody nests them this deep. */
const depthMax = 5;

/** Every stack of the synthesized app in `dir`, those of its stages included; undefined where nothing was synthesized. */
export async function readAssembly(dir: string, depth = 0): Promise<readonly AssemblyStack[] | undefined> {
  const text = await unlessMissing(readFile(join(dir, 'manifest.json'), 'utf8'));
  if (text === undefined || depth > depthMax) return undefined;
  const { artifacts } = manifestSchema.parse(JSON.parse(text));
  const stacks: AssemblyStack[] = [];
  for (const [id, { type, displayName, properties }] of Object.entries(artifacts)) {
    if (type === 'aws:cloudformation:stack')
      stacks.push({ id: displayName ?? id, name: properties?.stackName ?? id });
    if (type === 'cdk:cloud-assembly' && properties?.directoryName !== undefined)
      stacks.push(...((await readAssembly(join(dir, properties.directoryName), depth + 1)) ?? []));
  }
  return stacks;
}

/**
 * The stack that is meant: the one that is named by either of its names, or the only one.
 * @throws UsageError when several are there and none is named
 * @throws NotFoundError when there is none of that name
 */
export function chooseStack(stacks: readonly AssemblyStack[], named: string | undefined): AssemblyStack {
  const known = stacks.map(({ name }) => name).join(', ');
  if (named !== undefined) {
    const found = stacks.find(({ id, name }) => id === named || name === named);
    if (found !== undefined) return found;
    throw new NotFoundError('the app has no such stack:', { facts: { stack: named, known } });
  }
  const [only, ...others] = stacks;
  if (only === undefined) throw new NotFoundError('the app has no stack.');
  if (others.length > 0) {
    throw new UsageError('the app has several stacks:', {
      facts: { stacks: known },
      hint: 'Name the one that holds the fleet with --stack.',
    });
  }
  return only;
}
