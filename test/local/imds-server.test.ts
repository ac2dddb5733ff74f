import { describe, expect, it } from 'vitest';
import { imdsWorld } from '../support/imds.ts';

const path = '/latest/meta-data/instance-id';

describe('ImdsServer', () => {
  it('grants no token to a request that came through a proxy', async () => {
    await using world = await imdsWorld();
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': '60', 'x-forwarded-for': '10.0.0.1' };
    const answer = await fetch(`${world.server.endpoint}/latest/api/token`, { method: 'PUT', headers });
    expect(answer.status).toBe(403);
  });

  it.each(['21601', '1.5', '-1', 'soon'])('grants no token for %s seconds', async (seconds) => {
    await using world = await imdsWorld();
    const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': seconds };
    const answer = await fetch(`${world.server.endpoint}/latest/api/token`, { method: 'PUT', headers });
    expect(answer.status).toBe(400);
  });

  it('grants a token only to a PUT, and answers only to a GET', async () => {
    await using world = await imdsWorld();
    const token = `${world.server.endpoint}/latest/api/token`;
    expect((await fetch(token)).status).toBe(405);
    const ttl = { 'x-aws-ec2-metadata-token-ttl-seconds': '60' };
    const headers = {
      'x-aws-ec2-metadata-token': await (await fetch(token, { method: 'PUT', headers: ttl })).text(),
    };
    expect((await fetch(world.server.endpoint + path, { headers, method: 'POST' })).status).toBe(405);
    expect((await fetch(world.server.endpoint + path, { headers })).status).toBe(200);
  });

  it('shows a page for people where there is nothing', async () => {
    await using world = await imdsWorld();
    const answer = await fetch(`${world.server.endpoint}/latest/meta-data/spot/instance-action`);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toBe('text/html');
    expect(await answer.text()).toMatch(/<html>/);
  });

  it('tells what is not about notices too', async () => {
    await using world = await imdsWorld();
    const read = async (rest: string) => (await world.client.get(`meta-data/${rest}`))?.body;
    expect(await read('placement/region')).toBe('eu-central-1');
    expect(await read('instance-life-cycle')).toBe('spot');
    expect(await read('autoscaling/target-lifecycle-state')).toBe('InService');
    expect(await read('events/maintenance/scheduled')).toBe('[]');
  });

  it('dates notices in whole seconds from the announcement', async () => {
    await using world = await imdsWorld();
    world.server.announce({ kind: 'spot-interruption', action: 'terminate', inMs: 120_000 });
    world.server.announce({ kind: 'rebalance-recommendation' });
    await world.serverClock.advance(10_000);
    const read = async (rest: string) => (await world.client.get(`meta-data/${rest}`))?.body;
    expect(await read('spot/instance-action')).toBe('{"action":"terminate","time":"2030-05-05T12:02:00Z"}');
    expect(await read('spot/termination-time')).toBe('2030-05-05T12:02:00Z');
    expect(await read('events/recommendations/rebalance')).toBe('{"noticeTime":"2030-05-05T12:00:00Z"}');
  });

  it('says nothing of what was withdrawn', async () => {
    await using world = await imdsWorld();
    world.server.announce({ kind: 'spot-interruption', action: 'terminate', inMs: 120_000 });
    expect(await world.client.get('meta-data/spot/instance-action')).toBeDefined();
    world.server.withdraw('spot-interruption');
    expect(await world.client.get('meta-data/spot/instance-action')).toBeUndefined();
  });

  it('asks for new tokens after a restart of the service', async () => {
    await using world = await imdsWorld();
    await world.client.get('meta-data/instance-id');
    world.server.endTokens();
    await expect(world.client.get('meta-data/instance-id')).resolves.toBeDefined();
    expect(world.server.requests.filter((request) => request.startsWith('PUT'))).toHaveLength(2);
  });
});
