import { describe, expect, it } from 'vitest';
import { UnfitError, UsageError } from '../../../lib/base/errors.ts';
import { parseS3Uri, s3UriOf } from '../../../lib/aws/s3-uri.ts';

describe('the address of a store on S3', () => {
  it('names bucket, prefix, region, endpoint and compat', () => {
    const uri =
      's3://bucket/some/prefix?region=eu-west-1&endpoint=http%3A%2F%2F127.0.0.1%3A9000%2F&compat=true';
    expect(parseS3Uri(uri)).toEqual({
      bucket: 'bucket',
      prefix: 'some/prefix/',
      region: 'eu-west-1',
      endpoint: 'http://127.0.0.1:9000',
      compat: true,
    });
    expect(parseS3Uri('s3://bucket')).toEqual({
      bucket: 'bucket',
      prefix: '',
      region: undefined,
      endpoint: undefined,
      compat: false,
    });
  });

  it.each(['s3://bucket', 's3://bucket/', 's3://bucket//', 's3://bucket?compat=false'])(
    'has one spelling: %s',
    (uri) => expect(s3UriOf(parseS3Uri(uri))).toBe('s3://bucket'),
  );

  it('reads what it spells', () => {
    for (const uri of [
      's3://bucket/a/b',
      's3://bucket/a?region=eu-west-1',
      's3://bucket?endpoint=https%3A%2F%2Fs3.example%3A8443&compat=true',
    ])
      expect(s3UriOf(parseS3Uri(uri))).toBe(uri);
  });

  it.each([
    's3://',
    's3:bucket',
    'S3//bucket',
    'https://bucket',
    's3://Bucket',
    's3://b',
    's3://under_score',
    's3://arn:aws:s3:eu-west-1:123456789012:accesspoint/name/prefix',
    's3://bucket?endpoint=localhost:9000',
    's3://bucket?compat=yes',
    's3://bucket?regoin=eu-west-1',
  ])('refuses %s as a mistake of the person who typed it', (uri) =>
    expect(() => parseS3Uri(uri)).toThrow(UsageError),
  );

  it.each([
    's3://arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap/prefix',
    's3://arn:aws-cn:s3::123456789012:accesspoint:mfzwi23gnjvgw.mrap',
    's3://mfzwi23gnjvgw.mrap/prefix',
    's3://bucket--euw1-az1--x-s3/prefix',
  ])('refuses %s, which cannot keep the promises of a store', (uri) =>
    expect(() => parseS3Uri(uri)).toThrow(UnfitError),
  );
});
