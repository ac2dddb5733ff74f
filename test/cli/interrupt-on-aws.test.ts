import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CliWorld, cliWorld } from '../support/cli-world.ts';

/** An EC2 with one instance of the group, and an FIS with one template: the few answers that a rehearsal asks for. */
class Stage {
  readonly asked: string[] = [];
  isSpot = true;
  #isMarked = false;
  readonly server = createServer((request, response) => {
    void (async () => {
      let body = '';
      for await (const part of request) body += String(part);
      response.setHeader('connection', 'close');
      response.end(this.#answer(`${request.method} ${request.url}`, new URLSearchParams(body), body));
    })();
  });

  #answer(request: string, query: URLSearchParams, body: string): string {
    if (request.startsWith('POST /experiments')) {
      this.asked.push(`experiment ${JSON.parse(body).experimentTemplateId} marked=${this.#isMarked}`);
      return '{"experiment":{"id":"EXP1","state":{"status":"running"}}}';
    }
    const action = query.get('Action') ?? '';
    if (action === 'CreateTags' || action === 'DeleteTags') {
      this.#isMarked = action === 'CreateTags';
      this.asked.push(`${action} ${query.get('ResourceId.1')} ${query.get('Tag.1.Key')}`);
      return `<${action}Response><return>true</return></${action}Response>`;
    }
    const isByTag = query.get('Filter.1.Name')?.startsWith('tag:') ?? false;
    const instance = `<item><instancesSet><item><instanceId>i-1</instanceId><instanceType>g5.xlarge</instanceType>
      <instanceState><code>16</code><name>running</name></instanceState><placement><availabilityZone>eu-west-1a</availabilityZone></placement>
      ${this.isSpot ? '<instanceLifecycle>spot</instanceLifecycle>' : ''}
      <tagSet><item><key>aws:autoscaling:groupName</key><value>workers</value></item></tagSet></item></instancesSet></item>`;
    const found = !isByTag || this.#isMarked ? instance : '';
    return `<DescribeInstancesResponse><reservationSet>${found}</reservationSet></DescribeInstancesResponse>`;
  }
}

describe('interrupt on AWS', () => {
  let stage: Stage;
  let world: CliWorld;
  const before = { ...process.env };

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
    mkdirSync(join(world.cwd, '.holdfast'));
    deploy({ workersGroup: 'workers', interruptTemplate: 'EXT1' });
  });
  afterEach(async () => {
    process.env = { ...before };
    stage.server.close();
    await once(stage.server, 'close');
  });

  function deploy(facts: object): void {
    const place = {
      format: 1,
      store: 's3://bucket?region=eu-west-1',
      queue: 'https://sqs.eu-west-1.amazonaws.com/1/jobs',
    };
    writeFileSync(
      join(world.cwd, '.holdfast', 'deployment.json'),
      JSON.stringify({ ...place, region: 'eu-west-1', ...facts }),
    );
  }

  it('asks a person, then marks the instance, starts the experiment and takes the mark off', async () => {
    const asked: string[] = [];
    const { code, out } = await world.run(['interrupt', '--instance', 'i-1'], { answer: true, asked });
    expect(asked).toEqual(['Interrupt i-1 (g5.xlarge in eu-west-1a)? EC2 takes it in two minutes.']);
    expect([code, out]).toEqual([0, 'Experiment EXP1 is running: i-1 gets its notice now.\n']);
    expect(stage.asked).toEqual([
      'CreateTags i-1 holdfast:interrupt',
      'experiment EXT1 marked=true',
      'DeleteTags i-1 holdfast:interrupt',
    ]);
  });

  it('does nothing when the person says no, or nobody is there', async () => {
    const args = ['interrupt', '--instance', 'i-1'];
    expect(await world.run(args, { answer: false })).toMatchObject({ code: 1, err: 'Nothing was done.\n' });
    expect(await world.run(args)).toMatchObject({ code: 2, err: expect.stringContaining('--yes') });
    expect(stage.asked).toEqual([]);
  });

  it('asks nobody with --yes, and tells a program what it started', async () => {
    const { code, json } = await world.run(['interrupt', '--instance', 'i-1', '--yes', '--json']);
    expect(code).toBe(0);
    expect(json).toEqual([
      {
        schemaVersion: 1,
        instance: 'i-1',
        jobId: null,
        kind: 'experiment',
        experiment: { id: 'EXP1', status: 'running' },
        isMarkRemoved: true,
      },
    ]);
  });

  it('refuses an On-Demand instance, and a deployment without an experiment', async () => {
    stage.isSpot = false;
    expect(await world.run(['interrupt', '--instance', 'i-1', '--yes'])).toMatchObject({
      code: 5,
      err: expect.stringContaining('On-Demand'),
    });
    deploy({ workersGroup: 'workers' });
    expect(await world.run(['interrupt', '--instance', 'i-1', '--yes'])).toMatchObject({
      code: 5,
      err: expect.stringContaining('no experiment'),
    });
    expect(stage.asked).toEqual([]);
  });
});
