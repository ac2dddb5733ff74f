import { describe, expect, it } from 'vitest';
import { UnfitError, UsageError } from '../../../lib/base/errors.ts';
import { parseSqsUrl } from '../../../lib/aws/sqs-address.ts';

describe('the URL of a queue', () => {
  it.each([
    ['https://sqs.eu-west-1.amazonaws.com/123456789012/jobs', 'eu-west-1'],
    ['https://sqs-fips.us-gov-west-1.amazonaws.com/123456789012/jobs', 'us-gov-west-1'],
    ['https://sqs.cn-north-1.amazonaws.com.cn/123456789012/jobs', 'cn-north-1'],
    ['https://sqs.eu-west-1.api.aws/123456789012/jobs', 'eu-west-1'],
    ['https://us-east-2.queue.amazonaws.com/123456789012/jobs', 'us-east-2'],
  ])('%s names its region, and the SDK knows the endpoint', (url, region) =>
    expect(parseSqsUrl(url)).toEqual({ queueUrl: url, region, endpoint: undefined }),
  );

  it('of any other host is its own endpoint', () =>
    expect(parseSqsUrl('http://127.0.0.1:9324/123456789012/jobs?region=eu-west-1')).toEqual({
      queueUrl: 'http://127.0.0.1:9324/123456789012/jobs',
      region: 'eu-west-1',
      endpoint: 'http://127.0.0.1:9324',
    }));

  it('may name an endpoint, as an interface endpoint in a private network', () =>
    expect(
      parseSqsUrl(
        'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs?endpoint=https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com/',
      ),
    ).toEqual({
      queueUrl: 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs',
      region: 'eu-west-1',
      endpoint: 'https://vpce-1.sqs.eu-west-1.vpce.amazonaws.com',
    }));

  it('is reached through the endpoint that the environment names, whatever host it has', () => {
    for (const origin of ['https://sqs.eu-west-1.amazonaws.com', 'http://127.0.0.1:9324'])
      expect(parseSqsUrl(`${origin}/123456789012/jobs`, 'http://localhost:5000').endpoint).toBe(
        'http://localhost:5000',
      );
  });

  it('prefers the endpoint that it names itself to that of the environment', () =>
    expect(
      parseSqsUrl('http://127.0.0.1:9324/123456789012/jobs?endpoint=http://h:1', 'http://localhost:5000'),
    ).toMatchObject({ endpoint: 'http://h:1' }));

  it.each([
    'jobs',
    'https://sqs.eu-west-1.amazonaws.com/',
    'file:///queue',
    'https://h/q?endpoint=h',
    'https://h/q?a=1',
  ])('refuses %s', (url) => expect(() => parseSqsUrl(url)).toThrow(UsageError));

  it('refuses a FIFO queue, which runs the jobs of an owner one at a time', () =>
    expect(() => parseSqsUrl('https://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo')).toThrow(
      UnfitError,
    ));
});
