import { z } from 'zod';
import { type Deployment, deploymentOutputs } from './deployment.ts';

/** The outputs of one stack, as CloudFormation names them. */
export interface StackOutputs {
  readonly stack: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** `cdk deploy --outputs-file`: stack → output → value. */
const outputsFileSchema = z.record(z.string(), z.record(z.string(), z.string()));

/** `aws cloudformation describe-stacks`. */
const describeStacksSchema = z.object({
  Stacks: z.array(
    z.object({
      StackName: z.string(),
      Outputs: z.array(z.object({ OutputKey: z.string(), OutputValue: z.string() })).default([]),
    }),
  ),
});

/** Reads outputs from either form; undefined for anything else. */
export function parseStackOutputs(document: unknown): readonly StackOutputs[] | undefined {
  const described = describeStacksSchema.safeParse(document);
  if (described.success) {
    return described.data.Stacks.map(({ StackName, Outputs }) => ({
      stack: StackName,
      outputs: Object.fromEntries(Outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue])),
    }));
  }
  const file = outputsFileSchema.safeParse(document);
  if (!file.success) return undefined;
  return Object.entries(file.data).map(([stack, outputs]) => ({ stack, outputs }));
}

type OutputField = keyof typeof deploymentOutputs;

const fields = Object.keys(deploymentOutputs).filter((name): name is OutputField =>
  Object.hasOwn(deploymentOutputs, name),
);

/** Longest first: `DeadLetterQueue` also ends in `Queue`. */
const fieldsByLength = fields.toSorted((a, b) => deploymentOutputs[b].length - deploymentOutputs[a].length);

/** CloudFormation calls an output of a construct below the stack by the construct's path, its own name and eight digits of a hash. */
const hashSuffix = /[0-9A-F]{8}$/;

/**
 * Every deployment that the outputs of a stack describe: none where the stack holds no fleet, several where it holds
 * several. Names are found as the stack wrote them, and behind the id of the construct that they belong to.
 */
export function deploymentsOf({ stack, outputs }: StackOutputs): readonly Deployment[] {
  const groups = new Map<string, Partial<Record<OutputField, string>>>();
  for (const [name, value] of Object.entries(outputs)) {
    const found = placeOf(name);
    if (found === undefined || value === '') continue;
    groups.set(found.construct, { ...groups.get(found.construct), [found.field]: value });
  }
  return [...groups.values()].flatMap((group) => deploymentFrom(stack, group));
}

function placeOf(name: string): { readonly construct: string; readonly field: OutputField } | undefined {
  for (const spelling of [name, name.replace(hashSuffix, '')]) {
    const field = fieldsByLength.find((one) => spelling.endsWith(deploymentOutputs[one]));
    if (field !== undefined) return { construct: spelling.slice(0, -deploymentOutputs[field].length), field };
  }
  return undefined;
}

function deploymentFrom(
  stack: string,
  { store, queue, instanceTypes, ...others }: Partial<Record<OutputField, string>>,
): readonly Deployment[] {
  if (store === undefined || queue === undefined) return [];
  const region = new URLSearchParams(store.split('?', 2)[1] ?? '').get('region');
  return [
    {
      format: 1,
      store,
      queue,
      stack,
      ...(region === null || region === '' ? {} : { region }),
      ...others,
      ...(instanceTypes === undefined
        ? {}
        : { instanceTypes: instanceTypes.split(',').filter((type) => type !== '') }),
    },
  ];
}
