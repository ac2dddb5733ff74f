/**
 * Resource types that moto's CloudFormation passes over without a word; where something else refers to one of them, it
 * fails. None of them decides what a worker does: the hook and the notice are played by the tests, alarms and policies
 * belong to services that moto does not run.
 */
export const unknownToMoto: readonly string[] = [
  'AWS::AutoScaling::LifecycleHook',
  'AWS::AutoScaling::ScalingPolicy',
  'AWS::CDK::Metadata',
  'AWS::CloudWatch::Alarm',
  'AWS::FIS::ExperimentTemplate',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::S3::BucketPolicy',
  'AWS::SQS::QueuePolicy',
];

interface Template {
  readonly Resources?: Readonly<Record<string, { readonly Type: string }>>;
}

/**
 * A template as moto can take it: a reference to what moto does not know becomes what AWS might have answered. Everything
 * else is as it was.
 */
export function templateForMoto(text: string): {
  readonly template: string;
  /** Types that were referred to, each once. */
  readonly played: readonly string[];
} {
  const template = JSON.parse(text) as Template;
  const played = new Set<string>();
  const answerFor = (resource: string, attribute: string): string | undefined => {
    const type = template.Resources?.[resource]?.Type;
    if (type === undefined || !unknownToMoto.includes(type)) return undefined;
    played.add(type);
    return attribute === 'Arn' ? `arn:aws:played:us-east-1:123456789012:${resource}` : 'EXT1234567890abcdef';
  };
  const filled = withReferences(template, answerFor);
  return { template: played.size === 0 ? text : JSON.stringify(filled), played: [...played].toSorted() };
}

type AnswerFor = (resource: string, attribute: string) => string | undefined;

function withReferences(value: unknown, answerFor: AnswerFor): unknown {
  if (Array.isArray(value)) return value.map((one) => withReferences(one, answerFor));
  if (typeof value !== 'object' || value === null) return value;
  const attribute: unknown = Reflect.get(value, 'Fn::GetAtt');
  const reference: unknown = Reflect.get(value, 'Ref');
  const answer = Array.isArray(attribute)
    ? answerFor(String(attribute[0]), String(attribute[1]))
    : typeof reference === 'string'
      ? answerFor(reference, 'Ref')
      : undefined;
  if (answer !== undefined) return answer;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, withReferences(one, answerFor)]),
  );
}

/** `bucket/key` of the S3 URL of a template, in any of the spellings that S3 has. */
export function objectOfUrl(url: string): string {
  const { hostname, pathname } = new URL(url);
  const bucket = /^(.+)\.s3[.-][a-z0-9.-]*amazonaws\.com$/.exec(hostname)?.[1];
  return bucket === undefined ? pathname.slice(1) : `${bucket}${pathname}`;
}
