import { Stack, Validations, type aws_iam as iam } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/**
 * Says to rule packs such as AwsSolutions why resources of these statements end in a star. Each is acknowledged by itself,
 * as it stands in the template: a star that is added later without a reason is found.
 */
export function acknowledgeWildcards(
  construct: IConstruct,
  statements: ReadonlyArray<{ readonly statement: iam.PolicyStatement; readonly reason: string }>,
): void {
  const stack = Stack.of(construct);
  for (const { statement, reason } of statements)
    for (const resource of statement.resources) {
      const flat = flatten(stack.resolve(resource));
      if (flat.includes('*'))
        Validations.of(construct).acknowledge({ id: `AwsSolutions-IAM5[Resource::${flat}]`, reason });
    }
}

/** A reference of a template as one line: `<Bucket.Arn>/jobs/*`, as findings print it. */
function flatten(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if ('Ref' in value) return `<${String(value.Ref)}>`;
  if ('Fn::GetAtt' in value && Array.isArray(value['Fn::GetAtt']))
    return `<${value['Fn::GetAtt'].join('.')}>`;
  if ('Fn::Join' in value && Array.isArray(value['Fn::Join'])) {
    const [between, parts]: readonly unknown[] = value['Fn::Join'];
    if (typeof between === 'string' && Array.isArray(parts)) return parts.map(flatten).join(between);
  }
  return JSON.stringify(value);
}
