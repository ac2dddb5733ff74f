import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  forgetPreviousDeployment,
  setDeploymentAside,
  writeDeployment,
} from '../../../lib/client/deployment-file.ts';
import { readDeployment } from '../../../lib/client/locate-region.ts';
import type { Deployment } from '../../../lib/contract/deployment.ts';
import { tempDir } from '../../support/temp-dir.ts';

const deployment: Deployment = {
  format: 1,
  store: 's3://bucket?region=eu-central-1',
  queue: 'https://sqs.eu-central-1.amazonaws.com/123456789012/jobs',
  stack: 'training',
  instanceTypes: ['g5.xlarge'],
};

describe('the deployment file', () => {
  it('is written where commands look for it, and leaves nothing else behind', async () => {
    const dir = join(tempDir(), '.holdfast');
    expect(await writeDeployment(dir, deployment)).toBe(join(dir, 'deployment.json'));
    expect(await readDeployment(dir)).toEqual(deployment);
    await writeDeployment(dir, { ...deployment, stack: 'another' });
    expect(await readDeployment(dir)).toMatchObject({ stack: 'another' });
    expect(readdirSync(dir)).toEqual(['deployment.json']);
  });

  it('replaces what a command that died had begun to write', async () => {
    const dir = tempDir();
    writeFileSync(join(dir, `deployment.json.${process.pid}.draft`), '{ "format"');
    await writeDeployment(dir, deployment);
    expect(await readDeployment(dir)).toEqual(deployment);
    expect(readdirSync(dir)).toEqual(['deployment.json']);
  });

  it('refuses what is no deployment, and leaves the one that stands', async () => {
    const dir = tempDir();
    await writeDeployment(dir, deployment);
    const before = readFileSync(join(dir, 'deployment.json'), 'utf8');
    await expect(writeDeployment(dir, { ...deployment, queue: '' })).rejects.toThrow('queue');
    expect(readFileSync(join(dir, 'deployment.json'), 'utf8')).toBe(before);
  });

  it('is set aside and can still be read, until it is forgotten', async () => {
    const dir = tempDir();
    expect(await setDeploymentAside(dir)).toBeUndefined();
    await writeDeployment(dir, deployment);
    expect(await setDeploymentAside(dir)).toBe(join(dir, 'deployment.previous.json'));
    expect(await readDeployment(dir)).toBeUndefined();
    expect(await readDeployment(dir, 'deployment.previous.json')).toEqual(deployment);
    await forgetPreviousDeployment(dir);
    expect(readdirSync(dir)).toEqual([]);
  });

  it('says so when the folder cannot be made', async () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'file'), '');
    await expect(writeDeployment(join(dir, 'file', 'x'), deployment)).rejects.toThrow(/ENOTDIR/);
  });
});
