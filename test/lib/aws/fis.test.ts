import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { systemClock } from '../../../lib/base/clock.ts';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { openFis } from '../../../lib/aws/fis.ts';
import { checkSignature } from '../../support/fake-aws/signature.ts';
import { readRequest } from '../../support/fake-aws/read-request.ts';

interface Asked {
  readonly incoming: IncomingMessage;
  readonly body: Buffer;
}

const credentials = { accessKeyId: 'FAKEACCESSKEY', secretAccessKey: 'fake-secret', sessionToken: 'token' };

describe('the Fault Injection Service', () => {
  let endpoint: string;
  const asked: Asked[] = [];
  const answers: { status: number; body: string; type?: string }[] = [];
  const server = createServer((incoming, response) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of incoming) parts.push(part as Buffer);
      asked.push({ incoming, body: Buffer.concat(parts) });
      const answer = answers.shift() ?? { status: 500, body: '{}' };
      if (answer.type !== undefined) response.setHeader('x-amzn-errortype', answer.type);
      response.statusCode = answer.status;
      response.setHeader('connection', 'close');
      response.end(answer.body);
    })();
  });
  const experiment = (status: string, reason?: string): string =>
    JSON.stringify({ experiment: { id: 'EXP1', state: { status, reason }, arn: 'more' } });
  const fis = () =>
    openFis({ region: 'eu-west-1', endpoint, clock: systemClock, random: seededRandom(1), credentials });

  beforeEach(async () => {
    asked.length = 0;
    answers.length = 0;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    endpoint = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  });
  afterEach(async () => {
    server.close();
    await once(server, 'close');
  });

  it('is asked to start an experiment, in the form of its API and signed for it', async () => {
    answers.push({ status: 200, body: experiment('initiating') });
    expect(await fis().start({ templateId: 'EXT1', token: 'once' })).toEqual({
      id: 'EXP1',
      status: 'initiating',
      reason: '',
    });
    const [{ incoming, body }] = asked as [Asked];
    expect(`${incoming.method} ${incoming.url}`).toBe('POST /experiments');
    expect(incoming.headers['content-type']).toBe('application/json');
    expect(JSON.parse(body.toString())).toEqual({ clientToken: 'once', experimentTemplateId: 'EXT1' });
    expect(incoming.headers['x-amz-security-token']).toBe('token');
    expect(incoming.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=FAKEACCESSKEY\/\d{8}\/eu-west-1\/fis\/aws4_request, SignedHeaders=.*host.*, Signature=[0-9a-f]{64}$/,
    );
    // The referee computes the signature on its own, from the bytes that came.
    expect(() => checkSignature(readRequest(incoming), body, credentials)).not.toThrow();
    expect(incoming.headers['x-amz-content-sha256']).toBe(sha256Hex(body));
    expect(() =>
      checkSignature(readRequest(incoming), body, { ...credentials, secretAccessKey: 'other' }),
    ).toThrow();
  });

  it('is asked how an experiment goes', async () => {
    answers.push({ status: 200, body: experiment('failed', 'Target resolution returned empty set') });
    expect(await fis().read('EXP1')).toEqual({
      id: 'EXP1',
      status: 'failed',
      reason: 'Target resolution returned empty set',
    });
    const [{ incoming, body }] = asked as [Asked];
    expect(`${incoming.method} ${incoming.url}`).toBe('GET /experiments/EXP1');
    expect(() => checkSignature(readRequest(incoming), body, credentials)).not.toThrow();
  });

  it('is asked again after a failure of its own, with the same token, but not for ever', async () => {
    answers.push({ status: 503, body: '' }, { status: 200, body: experiment('running') });
    expect(await fis().start({ templateId: 'EXT1', token: 'once' })).toMatchObject({ status: 'running' });
    expect(asked.map(({ body }) => JSON.parse(body.toString()).clientToken)).toEqual(['once', 'once']);
    await expect(fis().read('EXP1')).rejects.toMatchObject({ code: 'TRANSIENT' });
    expect(asked).toHaveLength(5);
  });

  it.each([
    [404, 'ResourceNotFoundException', 'NOT_FOUND', 'no such experiment or template'],
    [403, 'AccessDeniedException', 'ACCESS_DENIED', 'FIS refused access'],
    [400, 'ValidationException:http://internal/', 'UNFIT', 'said=`what AWS says`'],
  ])('answers %i %s with an error of ours', async (status, type, code, message) => {
    answers.push({ status, type, body: '{"message":"what AWS says"}' });
    await expect(fis().read('EXP1')).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
    expect(asked).toHaveLength(1);
  });

  it('refuses an answer that it does not understand', async () => {
    answers.push({ status: 200, body: '{"experiment":{}}' });
    await expect(fis().read('EXP1')).rejects.toMatchObject({ code: 'UNFIT' });
  });
});
