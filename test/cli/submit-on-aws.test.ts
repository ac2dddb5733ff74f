import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CliWorld, cliWorld } from '../support/cli-world.ts';

/** An Auto Scaling group, and an EC2 that knows one price: what a submit asks for. */
class Stage {
  readonly capacities: string[] = [];
  isRefused = false;
  readonly server = createServer((request, response) => {
    void (async () => {
      let body = '';
      for await (const part of request) body += String(part);
      response.setHeader('connection', 'close');
      response.statusCode = this.isRefused ? 403 : 200;
      response.end(this.isRefused ? refusal : this.#answer(new URLSearchParams(body)));
    })();
  });

  #answer(query: URLSearchParams): string {
    switch (query.get('Action') ?? '') {
      case 'DescribeAutoScalingGroups':
        return `<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>
          <AutoScalingGroupName>workers</AutoScalingGroupName><MinSize>0</MinSize><MaxSize>2</MaxSize>
          <DesiredCapacity>${this.capacities.at(-1) ?? 0}</DesiredCapacity></member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>`;
      case 'SetDesiredCapacity':
        this.capacities.push(query.get('DesiredCapacity') ?? '');
        return '<SetDesiredCapacityResponse/>';
      case 'DescribeSpotPriceHistory':
        return `<DescribeSpotPriceHistoryResponse><spotPriceHistorySet><item><instanceType>g5.xlarge</instanceType>
          <availabilityZone>eu-west-1b</availabilityZone><spotPrice>0.4321</spotPrice><timestamp>2030-01-01T00:00:00Z</timestamp></item></spotPriceHistorySet></DescribeSpotPriceHistoryResponse>`;
      default:
        return '<Empty/>';
    }
  }
}

const refusal =
  '<ErrorResponse><Error><Code>AccessDenied</Code><Message>not for you</Message></Error></ErrorResponse>';

describe('submit with a deployment', () => {
  let stage: Stage;
  let world: CliWorld;
  const before = { ...process.env };
  const job = (id: string, ...options: readonly string[]) =>
    world.run(['submit', '--id', id, ...options, '--command', '--preset', 'lightning', '--', 'true']);

  beforeEach(async () => {
    stage = new Stage();
    stage.server.listen(0, '127.0.0.1');
    await once(stage.server, 'listening');
    const address = stage.server.address();
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
    });
    world = cliWorld();
    const dir = join(world.cwd, '.holdfast');
    mkdirSync(dir);
    // Store and queue are folders, so that only what a submit adds on AWS goes over the wire.
    writeFileSync(
      join(dir, 'deployment.json'),
      JSON.stringify({
        format: 1,
        store: pathToFileURL(join(dir, 'store')).href,
        queue: pathToFileURL(join(dir, 'queue')).href,
        region: 'eu-west-1',
        workersGroup: 'workers',
        instanceTypes: ['g5.xlarge'],
      }),
    );
  });
  afterEach(async () => {
    process.env = { ...before };
    stage.server.close();
    await once(stage.server, 'close');
  });

  it('asks for one instance a job, up to the maximum, and says so', async () => {
    const first = await job('one', '--no-estimate');
    expect([first.code, first.out]).toEqual([0, 'one\n']);
    expect(first.err).toContain('Asked for an instance (1 of at most 2).');
    expect(first.err).not.toContain('TYPE');
    expect((await job('two', '--no-estimate', '--json')).json).toEqual([
      expect.objectContaining({
        jobId: 'two',
        outcome: 'queued',
        warnings: [],
        estimate: null,
        capacity: { outcome: 'raised', group: 'workers', desired: 2, max: 2 },
      }),
    ]);
    expect((await job('three', '--no-estimate')).err).toContain('All 2 instances');
    expect(stage.capacities).toEqual(['1', '2']);
  });

  it('shows prices on stderr before, and asks for nothing in a dry run', async () => {
    const { code, out, err } = await job('one', '--dry-run');
    expect(code).toBe(0);
    expect(err).toMatch(/^g5\.xlarge +\$0\.4321 +eu-west-1b +\? +\?$/m);
    expect(out).not.toContain('SPOT');
    expect(stage.capacities).toEqual([]);
  });

  it('queues the job all the same when AWS refuses everything, with a line for each', async () => {
    stage.isRefused = true;
    const { code, out, err } = await job('one');
    expect([code, out]).toEqual([0, 'one\n']);
    expect(err).toContain('Spot prices are not known: EC2 refused access');
    expect(err).toContain('On-Demand prices are not known');
    expect(err).toContain('warning: no instance could be asked for: EC2 Auto Scaling refused access');
    expect(err).toContain('next: nothing; the alarm of the queue');
  });
});
