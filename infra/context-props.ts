import {
  Duration,
  type Stack,
  aws_kms as kms,
  aws_logs as logs,
  aws_s3 as s3,
  aws_sns as sns,
} from 'aws-cdk-lib';
import { UsageError } from '../lib/base/errors.ts';
import type { SpotTrainingProps } from './spot-training-props.ts';

/** How the value of a key is read, from a text (`-c maxCapacity=8`) or as it stands in `cdk.json`. */
const readers = {
  stackName: text,
  instanceTypes: list,
  allowedInstanceTypes: list,
  minCapacity: number,
  maxCapacity: number,
  spotMaxPrice: number,
  onDemandAfterMinutes: number,
  onDemandMaxCapacity: number,
  capacityRebalance: flag,
  idleTimeoutMinutes: number,
  zones: number,
  bucket: text,
  encryptionKeyArn: text,
  recoveryWindowDays: number,
  logRetentionDays: number,
  deleteDataWithStack: flag,
  alarmTopicArn: text,
  sessionManager: flag,
  imageId: text,
  rootDiskGib: number,
  runtime: runtime,
} as const;

type Key = keyof typeof readers;

/** What `-c` may say about a fleet; undefined where it says nothing. docs/deploy.md explains each. */
export type ContextValues = { readonly [Name in Key]?: ReturnType<(typeof readers)[Name]> };

/** Keys of the CDK and its feature flags hold a colon or a slash; a plain word can only be meant for us. */
const plainWord = /^[A-Za-z][A-Za-z0-9]*$/;

/**
 * Reads the context of an app.
 * @throws UsageError for a plain key that means nothing here, and for a value that does not fit its key
 */
export function readContext(context: Readonly<Record<string, unknown>>): ContextValues {
  const own = Object.entries(context).filter(([key]) => plainWord.test(key));
  const unknown = own.filter(([key]) => !(key in readers)).map(([key]) => key);
  if (unknown.length > 0)
    throw new UsageError(`the context says \`${unknown.join('`, `')}\`, which means nothing here.`, {
      hint: `It may say: ${Object.keys(readers).join(', ')}.`,
    });
  return Object.fromEntries(
    Object.entries(readers).flatMap(([key, read]) =>
      context[key] === undefined ? [] : [[key, read(context[key], key)]],
    ),
  );
}

/**
 * The properties that the context of the app asks for (`-c maxCapacity=8`), for an app that lets people say them:
 * `new SpotTraining(stack, 'Training', { maxCapacity: 4, ...propsFromContext(stack) })`. Reads every plain word of the
 * context, so that a misspelt one is refused and not passed over; an app with words of its own reads them itself.
 * @throws Error for a word that means nothing here, and for a value that does not fit
 */
export function propsFromContext(stack: Stack): SpotTrainingProps {
  const { stackName, ...values } = readContext(stack.node.root.node.getAllContext());
  if (stackName !== undefined && stackName !== stack.stackName)
    throw new UsageError('the name of the stack is written in the app; `stackName` does not change it.');
  return propsOfContext(stack, values);
}

/** The properties of the fleet that the context asks for. Keys, topics and buckets are taken by name, never looked up. */
export function propsOfContext(stack: Stack, values: ContextValues): SpotTrainingProps {
  const { allowedInstanceTypes, onDemandAfterMinutes, onDemandMaxCapacity, runtime: how } = values;
  if (onDemandMaxCapacity !== undefined && onDemandAfterMinutes === undefined)
    throw new UsageError('onDemandMaxCapacity needs onDemandAfterMinutes: without it there is no fallback.');
  return given({
    instanceTypes: values.instanceTypes,
    instanceRequirements: allowedInstanceTypes === undefined ? undefined : { allowedInstanceTypes },
    minCapacity: values.minCapacity,
    maxCapacity: values.maxCapacity,
    spotMaxPrice: values.spotMaxPrice,
    onDemandFallback:
      onDemandAfterMinutes === undefined
        ? undefined
        : given({ after: Duration.minutes(onDemandAfterMinutes), maxCapacity: onDemandMaxCapacity }),
    capacityRebalance: values.capacityRebalance,
    idleTimeout: when(values.idleTimeoutMinutes, (minutes) => Duration.minutes(minutes)),
    zones: values.zones,
    bucket: when(values.bucket, (name) => s3.Bucket.fromBucketName(stack, 'GivenBucket', name)),
    encryptionKey: when(values.encryptionKeyArn, (arn) => kms.Key.fromKeyArn(stack, 'GivenKey', arn)),
    recoveryWindow: when(values.recoveryWindowDays, (days) => Duration.days(days)),
    logRetention: when(values.logRetentionDays, retentionOf),
    deleteDataWithStack: values.deleteDataWithStack,
    alarmTopic: when(values.alarmTopicArn, (arn) => sns.Topic.fromTopicArn(stack, 'GivenTopic', arn)),
    sessionManager: values.sessionManager,
    imageId: values.imageId,
    rootDiskGib: values.rootDiskGib,
    runtime: how,
  });
}

function when<T, R>(value: T | undefined, make: (value: T) => R): R | undefined {
  return value === undefined ? undefined : make(value);
}

/** Without what was not said, so that defaults hold. */
function given<T extends object>(props: T): Given<T> {
  const said = Object.entries(props).filter(([, value]) => value !== undefined);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return Object.fromEntries(said) as Given<T>;
}

/** What may be undefined may be absent instead. */
type Given<T> = { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> } & {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
};

/** `logs.RetentionDays.INFINITE` as a number. */
const infinite = 9_999;

function retentionOf(days: number): logs.RetentionDays {
  if (days in logs.RetentionDays && days !== infinite) return days;
  const offered = Object.keys(logs.RetentionDays).filter(
    (key) => /^\d+$/.test(key) && key !== String(infinite),
  );
  throw new UsageError(`logRetentionDays is ${days}, which CloudWatch Logs does not offer.`, {
    hint: `Take one of ${offered.join(', ')}.`,
  });
}

function text(value: unknown, key: string): string {
  if (typeof value === 'string' && value.trim() !== '') return value.trim();
  throw misfit(key, value, 'a text');
}

function list(value: unknown, key: string): readonly string[] {
  const items: readonly unknown[] =
    typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [];
  if (items.length === 0) throw misfit(key, value, 'words joined by commas');
  return items.map((item) => {
    if (typeof item === 'string' && item.trim() !== '') return item.trim();
    throw misfit(key, value, 'words joined by commas');
  });
}

function number(value: unknown, key: string): number {
  const read = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof read === 'number' && Number.isFinite(read)) return read;
  throw misfit(key, value, 'a number');
}

function flag(value: unknown, key: string): boolean {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  throw misfit(key, value, 'true or false');
}

function runtime(value: unknown, key: string): 'bundle' | 'container' {
  if (value === 'bundle' || value === 'container') return value;
  throw misfit(key, value, 'bundle or container');
}

function misfit(key: string, value: unknown, wanted: string): UsageError {
  return new UsageError(`the context's ${key} is \`${String(value)}\`; it takes ${wanted}.`);
}
