import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CliWorld, cliWorld } from '../support/cli-world.ts';
import { startFakeAws } from '../support/fake-aws/fake-aws.ts';

interface Checked {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly next: string | null;
}

async function checked(
  world: CliWorld,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: number; readonly ok: unknown; readonly by: Readonly<Record<string, Checked>> }> {
  const { code, json } = await world.run(['doctor', '--json', ...args], { env });
  const [document] = json;
  expect(document).toEqual({ schemaVersion: 1, ok: expect.any(Boolean), checks: expect.any(Array) });
  const checks = document?.['checks'] as readonly Checked[];
  for (const check of checks) {
    expect(Object.keys(check)).toEqual(['name', 'status', 'message', 'next']);
    expect(check.message).not.toContain('\n');
    if (check.status === 'warn' || check.status === 'fail') expect(check.next, check.name).not.toBeNull();
  }
  return { code, ok: document?.['ok'], by: Object.fromEntries(checks.map((check) => [check.name, check])) };
}

describe('doctor', () => {
  it('looks at a local region, and skips what only AWS has', async () => {
    const world = cliWorld();
    await world.submitted();
    const { code, ok, by } = await checked(world);
    expect([code, ok]).toEqual([0, true]);
    for (const name of ['backend', 'store', 'clock', 'queue', 'dead-letters', 'jobs'])
      expect(by[name]).toMatchObject({ status: 'pass' });
    expect(by['jobs']?.message).toContain('1 jobs: 0 running, 1 waiting');
    expect(by['queue']?.message).toContain('1 tickets wait');
    for (const name of ['credentials', 'region', 'deployment', 'quotas', 'bucket', 'group', 'template'])
      expect(by[name]).toMatchObject({ status: 'skip', message: 'the store is a folder of this machine' });
  });

  it('leaves no trace where nothing was ever queued', async () => {
    const world = cliWorld();
    const { code, by } = await checked(world);
    expect(code).toBe(0);
    expect(by['store']).toMatchObject({ status: 'skip' });
    expect((await world.run(['ls', '--json'])).json).toEqual([
      { schemaVersion: 1, jobs: [], unreadable: [] },
    ]);
  });

  it('prints a line a check, with the next step below, and ends with 6 when one failed', async () => {
    const world = cliWorld();
    await world.submitted();
    // A store that cannot be written: its folder for probes is a file.
    writeFileSync(join(world.cwd, '.holdfast', 'store', 'probes'), 'in the way');
    const { code, out, err } = await world.run(['doctor']);
    expect(code).toBe(6);
    expect(out).toMatch(/^fail {2}store {2,}\S/m);
    expect(out).toMatch(/^skip {2}clock {2,}rests on store, which failed$/m);
    expect(err).toMatch(/\d+ passed, \d+ to look at, 1 failed, \d+ skipped\./);
  });

  it('says once what to type without credentials, and asks AWS nothing more', async () => {
    const none = join(cliWorld().cwd, 'none');
    const before = { ...process.env };
    Object.assign(process.env, { AWS_CONFIG_FILE: none, AWS_SHARED_CREDENTIALS_FILE: none });
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'])
      delete process.env[name];
    try {
      const { code, ok, by } = await checked(cliWorld(), [
        '--store',
        's3://bucket?region=eu-west-1',
        '--queue',
        'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs',
      ]);
      expect([code, ok]).toEqual([6, false]);
      expect(by['credentials']).toMatchObject({
        status: 'fail',
        next: expect.stringMatching(/`aws configure`.*AWS_PROFILE.*`aws sso login`/),
      });
      for (const name of ['store', 'clock', 'bucket', 'queue', 'dead-letters', 'jobs'])
        expect(by[name]).toMatchObject({ status: 'skip' });
      expect(Object.values(by).filter(({ status }) => status === 'fail')).toHaveLength(1);
      const ls = await cliWorld().run(['ls', '--store', 's3://bucket?region=eu-west-1']);
      expect(ls.code).toBe(4);
      expect(ls.err).toContain('aws configure');
    } finally {
      process.env = before;
    }
  });

  it('looks at a store behind an endpoint of its own without an account', async () => {
    await using aws = await startFakeAws();
    aws.s3.createBucket('bucket');
    aws.sqs.createQueue('jobs');
    const before = { ...process.env };
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: aws.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: aws.credentials.secretAccessKey,
    });
    try {
      const { by } = await checked(cliWorld(), [
        '--store',
        aws.storeUri('bucket'),
        '--queue',
        aws.queueUrl('jobs'),
      ]);
      expect(by['credentials']).toMatchObject({ status: 'skip' });
      expect(by['store']).toMatchObject({ status: 'pass' });
      expect(by['clock']).toMatchObject({ status: 'pass' });
      expect(by['jobs']).toMatchObject({ status: 'pass' });
    } finally {
      process.env = before;
    }
  });
});
