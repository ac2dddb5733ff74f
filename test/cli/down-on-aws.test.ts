import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cdkProject } from '../support/cdk-project.ts';
import { cliWorld } from '../support/cli-world.ts';

/** A group with one machine at work. */
const group = `<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>
  <AutoScalingGroupName>workers</AutoScalingGroupName><MinSize>0</MinSize><MaxSize>2</MaxSize><DesiredCapacity>1</DesiredCapacity>
  <Instances><member><InstanceId>i-1</InstanceId><LifecycleState>InService</LifecycleState>
  <ProtectedFromScaleIn>true</ProtectedFromScaleIn></member></Instances>
  </member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>`;
const refusal =
  '<ErrorResponse><Error><Code>AccessDenied</Code><Message>not for you</Message></Error></ErrorResponse>';

describe('down with machines at work', () => {
  const before = { ...process.env };
  let isRefused = false;
  let asked: URLSearchParams[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      let body = '';
      for await (const part of request) body += String(part);
      const query = new URLSearchParams(body);
      asked.push(query);
      response.setHeader('connection', 'close');
      response.statusCode = isRefused ? 403 : 200;
      const answer = query.get('Action') === 'DescribeAutoScalingGroups' ? group : '<Empty/>';
      response.end(isRefused ? refusal : answer);
    })();
  });

  beforeEach(async () => {
    isRefused = false;
    asked = [];
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
    });
  });
  afterEach(async () => {
    process.env = { ...before };
    server.close();
    await once(server, 'close');
  });

  function deployedProject(): ReturnType<typeof cdkProject> {
    const project = cdkProject();
    const dir = join(project.cwd, '.holdfast');
    const [store, queue] = ['store', 'queue'].map((name) => pathToFileURL(join(dir, name)).href);
    mkdirSync(join(dir, 'store'), { recursive: true });
    writeFileSync(
      join(dir, 'deployment.json'),
      JSON.stringify({
        format: 1,
        store,
        queue,
        stack: 'training',
        region: 'eu-west-1',
        workersGroup: 'workers',
      }),
    );
    return project;
  }

  it('frees them before the stack goes, which would wait for them', async () => {
    const project = deployedProject();
    const { code, err } = await cliWorld(project.cwd).run(['down', '--yes', '--force'], {
      env: project.env(),
    });
    expect(code, err).toBe(0);
    expect(err).toContain('Machines at work: 1. They save and hand over.');
    const [, freed] = asked;
    expect(freed?.get('Action')).toBe('SetInstanceProtection');
    expect(freed?.get('InstanceIds.member.1')).toBe('i-1');
    expect(freed?.get('ProtectedFromScaleIn')).toBe('false');
  });

  it('deletes the stack all the same where it may not, and says what that may mean', async () => {
    isRefused = true;
    const project = deployedProject();
    const { code, err } = await cliWorld(project.cwd).run(['down', '--yes', '--force'], {
      env: project.env(),
    });
    expect(code, err).toBe(0);
    expect(err).toContain('may hold up the deletion');
    expect(project.calls().map(({ args }) => args?.[0])).toContain('destroy');
  });
});
