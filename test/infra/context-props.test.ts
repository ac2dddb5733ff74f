import { App, Duration, Stack } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import cdkJson from '../../cdk.json' with { type: 'json' };
import { UsageError } from '../../lib/base/errors.ts';
import { propsFromContext, propsOfContext, readContext } from '../../infra/context-props.ts';

const propsOf = (context: Readonly<Record<string, unknown>>) =>
  propsOfContext(new Stack(new App(), 'Any'), readContext(context));

describe('the context of the app', () => {
  it('may say nothing: then every default holds', () => {
    expect(propsOf({})).toEqual({});
  });

  it('is read from what a person types, which is always a text', () => {
    const props = propsOf({
      maxCapacity: '8',
      instanceTypes: 'g5.xlarge, g6.xlarge',
      imageId: 'ami-12c6146b',
      spotMaxPrice: '0.75',
      capacityRebalance: 'true',
      deleteDataWithStack: 'false',
      onDemandAfterMinutes: '30',
      idleTimeoutMinutes: '20',
      logRetentionDays: '90',
      runtime: 'container',
    });
    expect(props).toEqual({
      maxCapacity: 8,
      instanceTypes: ['g5.xlarge', 'g6.xlarge'],
      imageId: 'ami-12c6146b',
      spotMaxPrice: 0.75,
      capacityRebalance: true,
      deleteDataWithStack: false,
      onDemandFallback: { after: Duration.minutes(30) },
      idleTimeout: Duration.minutes(20),
      logRetention: 90,
      runtime: 'container',
    });
  });

  it('is read as it stands in cdk.json as well', () => {
    expect(propsOf({ maxCapacity: 8, instanceTypes: ['g5.xlarge'], sessionManager: true })).toEqual({
      maxCapacity: 8,
      instanceTypes: ['g5.xlarge'],
      sessionManager: true,
    });
  });

  it('names what exists already, without looking it up', () => {
    const { bucket, encryptionKey, alarmTopic } = propsOf({
      bucket: 'left-behind',
      encryptionKeyArn: 'arn:aws:kms:eu-west-1:123456789012:key/abc',
      alarmTopicArn: 'arn:aws:sns:eu-west-1:123456789012:alarms',
    });
    expect(bucket?.bucketName).toBe('left-behind');
    expect(encryptionKey?.keyArn).toBe('arn:aws:kms:eu-west-1:123456789012:key/abc');
    expect(alarmTopic?.topicArn).toBe('arn:aws:sns:eu-west-1:123456789012:alarms');
  });

  it('leaves the feature flags and the notes of the CDK to the CDK', () => {
    expect(propsOf({ ...cdkJson.context, 'aws:cdk:bundling-stacks': ['**'] })).toEqual({});
  });

  it.each<[Readonly<Record<string, unknown>>, RegExp]>([
    [{ maxCapcity: '8' }, /the context says `maxCapcity`, which means nothing here/],
    [{ maxCapacity: 'many' }, /maxCapacity is `many`; it takes a number/],
    [{ maxCapacity: '' }, /maxCapacity is ``; it takes a number/],
    [{ capacityRebalance: 'yes' }, /capacityRebalance is `yes`; it takes true or false/],
    [{ instanceTypes: 'g5.xlarge,,g6.xlarge' }, /instanceTypes is .*words joined by commas/],
    [{ instanceTypes: '' }, /instanceTypes is ``/],
    [{ imageId: ' ' }, /imageId is ` `; it takes a text/],
    [{ runtime: 'docker' }, /runtime is `docker`; it takes bundle or container/],
    [{ logRetentionDays: '42' }, /logRetentionDays is 42, which CloudWatch Logs does not offer/],
    [{ onDemandMaxCapacity: '2' }, /onDemandMaxCapacity needs onDemandAfterMinutes/],
  ])('is refused clearly where it means nothing: %j', (context, message) => {
    expect(() => propsOf(context)).toThrow(UsageError);
    expect(() => propsOf(context)).toThrow(message);
  });

  it('says what it may say when a key is unknown', () => {
    try {
      readContext({ gpus: '4' });
      expect.unreachable();
    } catch (error) {
      expect((error as UsageError).hint).toMatch(/maxCapacity.*imageId/);
    }
  });

  it('goes into an app of somebody else, but for the name of its stack', () => {
    const stackWith = (context: Record<string, unknown>): Stack => new Stack(new App({ context }), 'Theirs');
    expect(propsFromContext(stackWith({ maxCapacity: '9', '@aws-cdk/core:x': true }))).toEqual({
      maxCapacity: 9,
    });
    expect(propsFromContext(stackWith({ stackName: 'Theirs' }))).toEqual({});
    expect(() => propsFromContext(stackWith({ stackName: 'Another' }))).toThrow('written in the app');
    expect(() => propsFromContext(stackWith({ maxCapcity: 9 }))).toThrow('maxCapcity');
  });
});
