import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CorruptionError, UnknownFormatError, UsageError } from '../../../lib/base/errors.ts';
import { absoluteUri, locateRegion } from '../../../lib/client/locate-region.ts';
import { tempDir } from '../../support/temp-dir.ts';

function folderWith(files: Readonly<Record<string, object | string>>): string {
  const cwd = tempDir();
  mkdirSync(join(cwd, '.holdfast'));
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(
      join(cwd, '.holdfast', name),
      typeof content === 'string' ? content : JSON.stringify(content),
    );
  }
  return cwd;
}

const deployment = { format: 1, store: 's3://deployed/jobs', queue: 'https://sqs.example/1/jobs' };
const environment = { HOLDFAST_STORE: 's3://env', HOLDFAST_QUEUE: 'https://sqs.example/1/env' };

describe('where things are', () => {
  it('is the local region below the working directory when nobody says anything', async () => {
    const cwd = tempDir();
    expect(await locateRegion({ cwd, env: {} })).toMatchObject({
      store: pathToFileURL(join(cwd, '.holdfast', 'store')).href,
      queue: pathToFileURL(join(cwd, '.holdfast', 'queue')).href,
      origin: 'local',
      timers: { heartbeatMs: 30_000 },
    });
  });

  it('takes addresses and timers from a local region that is described', async () => {
    const cwd = folderWith({
      'region.json': { format: 1, store: 'file:///other', heartbeatMs: 1_500, visibilityMs: 6_000, pid: 7 },
    });
    const { store, queue, timers } = await locateRegion({ cwd, env: {} });
    expect(store).toBe('file:///other');
    expect(queue).toBe(pathToFileURL(join(cwd, '.holdfast', 'queue')).href);
    expect(timers.livenessMs).toBe(4_500);
  });

  it('prefers flags to the environment, that to the deployment, and that to the local region', async () => {
    const cwd = folderWith({ 'deployment.json': deployment, 'region.json': { format: 1 } });
    const flags = { store: 's3://flag', queue: 'https://sqs.example/1/flag' };
    expect(await locateRegion({ cwd, env: environment, ...flags })).toMatchObject({
      ...flags,
      origin: 'flags',
    });
    expect(await locateRegion({ cwd, env: environment })).toMatchObject({
      store: 's3://env',
      queue: 'https://sqs.example/1/env',
      origin: 'environment',
    });
    expect(await locateRegion({ cwd, env: {} })).toMatchObject({
      store: 's3://deployed/jobs',
      origin: 'deployment',
    });
  });

  it('does not ask the environment when a folder is named', async () => {
    const cwd = tempDir();
    const { origin, store } = await locateRegion({ cwd, env: environment, dir: 'elsewhere' });
    expect(origin).toBe('local');
    expect(store).toBe(pathToFileURL(join(cwd, 'elsewhere', 'store')).href);
  });

  it('never mixes the queue of one region with the store of another', async () => {
    const cwd = folderWith({ 'deployment.json': deployment });
    expect((await locateRegion({ cwd, env: {}, store: 's3://other' })).queue).toBeUndefined();
    expect((await locateRegion({ cwd, env: {}, store: `${deployment.store}/` })).queue).toBe(
      deployment.queue,
    );
    await expect(locateRegion({ cwd, env: {}, queue: deployment.queue })).rejects.toThrow(UsageError);
  });

  it('hands on what stands around the store, however the store was named', async () => {
    const described = { ...deployment, region: 'eu-central-1', workersGroup: 'training-workers' };
    const cwd = folderWith({ 'deployment.json': described });
    expect((await locateRegion({ cwd, env: {} })).deployment).toEqual(described);
    expect((await locateRegion({ cwd, env: {}, store: deployment.store })).deployment).toEqual(described);
    expect((await locateRegion({ cwd, env: {}, store: 's3://other' })).deployment).toBeUndefined();
    expect((await locateRegion({ cwd: tempDir(), env: {} })).deployment).toBeUndefined();
  });

  it('treats an empty variable as one that is not set', async () => {
    const cwd = tempDir();
    const env = { HOLDFAST_STORE: '', HOLDFAST_QUEUE: '' };
    expect((await locateRegion({ cwd, env })).origin).toBe('local');
  });

  it('says which document it cannot read', async () => {
    const broken = folderWith({ 'deployment.json': '{' });
    await expect(locateRegion({ cwd: broken, env: {} })).rejects.toThrow(CorruptionError);
    const newer = folderWith({ 'region.json': { format: 2 } });
    await expect(locateRegion({ cwd: newer, env: {} })).rejects.toThrow(UnknownFormatError);
  });
});

describe('absoluteUri', () => {
  it.each([
    ['store', 'file:///place/store'],
    ['./store/', 'file:///place/store'],
    ['file:store', 'file:///place/store'],
    ['/data/store', 'file:///data/store'],
    ['file:///data/store/', 'file:///data/store'],
    ['s3://bucket/prefix/', 's3://bucket/prefix'],
    ['https://sqs.example/1/jobs', 'https://sqs.example/1/jobs'],
  ])('makes %s %s', (address, uri) => expect(absoluteUri(address, '/place')).toBe(uri));
});
