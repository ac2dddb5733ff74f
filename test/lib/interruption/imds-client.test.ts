import { describe, expect, it, vi } from 'vitest';
import { AccessDeniedError, TransientError, UsageError } from '../../../lib/base/errors.ts';
import { defaultImdsEndpoint, ImdsClient, imdsEndpointFrom } from '../../../lib/interruption/imds-client.ts';
import { readInstance } from '../../../lib/interruption/read-instance.ts';
import { anInstance, imdsWorld } from '../../support/imds.ts';
import { manualClock } from '../../support/manual-clock.ts';

const tokenRequests = (requests: readonly string[]): number =>
  requests.filter((request) => request === 'PUT /latest/api/token').length;

describe('ImdsClient', () => {
  it('asks for a token before anything else, and once for many requests', async () => {
    await using world = await imdsWorld();
    await Promise.all([
      world.client.get('meta-data/instance-id'),
      world.client.get('meta-data/instance-type'),
    ]);
    await world.client.get('meta-data/instance-id');
    expect(world.server.requests[0]).toBe('PUT /latest/api/token');
    expect(tokenRequests(world.server.requests)).toBe(1);
    expect(world.server.requests).toHaveLength(4);
  });

  it("answers with the body and with the server's date, whatever the own clock says", async () => {
    await using world = await imdsWorld();
    const answer = await world.client.get('meta-data/instance-id');
    expect(answer).toEqual({ body: anInstance.id, date: new Date('2030-05-05T12:00:00Z') });
  });

  it('takes a 404 for "nothing there" and never looks at its body', async () => {
    await using world = await imdsWorld();
    await expect(world.client.get('meta-data/spot/instance-action')).resolves.toBeUndefined();
  });

  it('replaces its token before it ends', async () => {
    await using world = await imdsWorld();
    await world.client.get('meta-data/instance-id');
    await world.clientClock.advance(21_600_000 - 15_001);
    await world.client.get('meta-data/instance-id');
    expect(tokenRequests(world.server.requests)).toBe(1);
    await world.clientClock.advance(1);
    await world.client.get('meta-data/instance-id');
    expect(tokenRequests(world.server.requests)).toBe(2);
  });

  it('gets a new token and asks again when the service no longer knows the old one', async () => {
    await using world = await imdsWorld();
    await world.client.get('meta-data/instance-id');
    await world.serverClock.advance(21_600_000);
    const answer = await world.client.get('meta-data/instance-id');
    expect(answer?.body).toBe(anInstance.id);
    expect(tokenRequests(world.server.requests)).toBe(2);
  });

  it('gives up after one new token that is refused as well', async () => {
    await using world = await imdsWorld();
    world.server.disturb({ kind: 'status', status: 401 }, 'meta-data/instance-id');
    await expect(world.client.get('meta-data/instance-id')).rejects.toThrow(TransientError);
    expect(tokenRequests(world.server.requests)).toBe(2);
    expect(world.server.requests).toHaveLength(4);
  });

  it('asks for a token again after a request for one failed', async () => {
    await using world = await imdsWorld();
    world.server.disturb({ kind: 'status', status: 500 }, 'api/token');
    await expect(world.client.get('meta-data/instance-id')).rejects.toThrow(TransientError);
    world.server.disturb(undefined, 'api/token');
    await expect(world.client.get('meta-data/instance-id')).resolves.toMatchObject({ body: anInstance.id });
  });

  it.each([404, 405])('sends no request without a token where there are none (%i)', async (status) => {
    await using world = await imdsWorld();
    world.server.disturb({ kind: 'status', status }, 'api/token');
    await expect(world.client.get('meta-data/instance-id')).rejects.toThrow(TransientError);
    expect(world.server.requests).toEqual(['PUT /latest/api/token']);
  });

  it.each([500, 503])('throws a TransientError for a %i', async (status) => {
    await using world = await imdsWorld();
    world.server.disturb({ kind: 'status', status }, 'meta-data/instance-id');
    await expect(world.client.get('meta-data/instance-id')).rejects.toThrow(TransientError);
  });

  it('tells a service that is switched off from one that is ill', async () => {
    await using world = await imdsWorld();
    world.server.disturb({ kind: 'status', status: 403 });
    await expect(world.client.get('meta-data/instance-id')).rejects.toThrow(AccessDeniedError);
  });

  it('waits two seconds for an answer, no longer', async () => {
    await using world = await imdsWorld();
    await world.client.get('meta-data/instance-id');
    world.server.disturb({ kind: 'slow', ms: 60_000 });
    const answer = world.client.get('meta-data/instance-id');
    let settled = false;
    answer.catch(() => undefined).finally(() => (settled = true));
    await vi.waitFor(() => expect(world.server.requests).toHaveLength(3));
    await world.clientClock.advance(1_999);
    expect(settled).toBe(false);
    await world.clientClock.advance(1);
    await expect(answer).rejects.toThrow(TransientError);
  });

  it('throws a TransientError when the connection is cut in the middle of an answer', async () => {
    await using world = await imdsWorld();
    world.server.disturb({ kind: 'cut' }, 'meta-data/instance-id');
    await expect(world.client.get('meta-data/instance-id')).rejects.toThrow(TransientError);
  });

  it('throws a TransientError with the cause when nobody listens', async () => {
    const world = await imdsWorld();
    await world[Symbol.asyncDispose]();
    await expect(world.client.get('meta-data/instance-id')).rejects.toThrow(/ECONNREFUSED/);
    await expect(world.client.get('meta-data/instance-id')).rejects.toThrow(TransientError);
  });

  it("throws the caller's reason when the caller gives up", async () => {
    await using world = await imdsWorld();
    world.server.disturb({ kind: 'slow', ms: 60_000 }, 'meta-data/instance-id');
    const caller = new AbortController();
    const answer = world.client.get('meta-data/instance-id', caller.signal);
    await vi.waitFor(() => expect(world.server.requests).toHaveLength(2));
    caller.abort(new Error('the worker ends'));
    await expect(answer).rejects.toThrow('the worker ends');
  });

  it.each(['169.254.169.254', 'ftp://host', ''])('refuses %j as an endpoint', (endpoint) => {
    expect(() => new ImdsClient({ endpoint, clock: manualClock() })).toThrow(UsageError);
  });
});

describe('imdsEndpointFrom', () => {
  it('prefers the endpoint that the environment names, also where the SDK may not use it', () => {
    const env = {
      AWS_EC2_METADATA_SERVICE_ENDPOINT: 'http://127.0.0.1:1338',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    expect(imdsEndpointFrom(env)).toBe('http://127.0.0.1:1338');
  });

  it('is the link-local address by default, and none where IMDS is disabled', () => {
    expect(imdsEndpointFrom({})).toBe(defaultImdsEndpoint);
    expect(imdsEndpointFrom({ AWS_EC2_METADATA_DISABLED: 'true' })).toBeUndefined();
  });
});

describe('readInstance', () => {
  it('reads id, type and zone', async () => {
    await using world = await imdsWorld();
    await expect(readInstance(world.client)).resolves.toEqual(anInstance);
  });

  it('throws when the service does not know its instance', async () => {
    await using world = await imdsWorld();
    world.server.disturb({ kind: 'status', status: 404 }, 'meta-data/instance-type');
    await expect(readInstance(world.client)).rejects.toThrow(/instance-type/);
  });
});
