import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildWorkerBundle } from '../../infra/instance/worker-bundle.ts';
import { instanceFile } from '../../infra/instance/runtime-recipe.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

let context = '';
let lines: readonly string[] = [];

beforeAll(async () => {
  const { dir, remove } = await scratchFolder();
  context = buildWorkerBundle(dir).folder;
  const text = readFileSync(join(context, 'Dockerfile'), 'utf8').replaceAll('\\\n', ' ');
  lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return remove;
});

const argumentsOf = (instruction: string): readonly string[] =>
  lines
    .filter((line) => line.startsWith(`${instruction} `))
    .map((line) => line.slice(instruction.length + 1));

// There is no Docker where these tests run: this is what can be known without one.
describe('the container of a worker', () => {
  it('is made of instructions that Docker knows', () => {
    const known = /^(?:FROM|RUN|COPY|ENV|USER|STOPSIGNAL|ENTRYPOINT|CMD) /;
    expect(lines.length).toBeGreaterThan(8);
    expect(lines.filter((line) => !known.test(line))).toEqual([]);
    expect(lines[0]).toMatch(/^FROM ubuntu:\d+\.\d+ AS runtime$/);
  });

  it('copies only what is in the worker bundle, or what an earlier stage made', () => {
    const stages = argumentsOf('FROM').map((line) => / AS (\S+)$/.exec(line)?.[1]);
    const copies = argumentsOf('COPY');
    expect(copies).toHaveLength(3);
    for (const copy of copies) {
      const from = /^--from=(\S+) /.exec(copy)?.[1];
      if (from === undefined) expect(existsSync(join(context, copy.split(' ')[0] ?? '')), copy).toBe(true);
      else expect(stages).toContain(from);
    }
  });

  it('starts a file of the bundle, as nobody who may do anything', () => {
    const [command = ''] = argumentsOf('CMD');
    const path: string = JSON.parse(command)[0];
    expect(path.startsWith('/opt/holdfast/app/')).toBe(true);
    expect(existsSync(join(context, path.slice('/opt/holdfast/app/'.length)))).toBe(true);
    expect(argumentsOf('USER')).toEqual(['10001:10001']);
    // The boot gives the very same user its scratch space.
    expect(instanceFile('prepare.sh')).toContain('chown 10001:10001');
  });

  it('builds its runtime by the script that instances use, in the same places', () => {
    expect(argumentsOf('RUN').some((line) => line.includes('build-runtime.sh /opt/holdfast '))).toBe(true);
    expect(argumentsOf('ENV').join(' ')).toContain('LD_LIBRARY_PATH=/opt/holdfast/cuda/lib');
    expect(instanceFile('holdfast-worker.service')).toContain(
      '/opt/holdfast/node/bin/node /opt/holdfast/app/job/instance.js',
    );
  });

  it('is run on the network of the host by its unit, and its end is judged from the same image', () => {
    for (const name of ['holdfast-worker-container.service', 'holdfast-after-exit-container.service']) {
      const unit = instanceFile(name).replaceAll('\\\n', ' ');
      expect(unit).toMatch(/docker run .*--network host .*--env-file \/etc\/holdfast\/worker\.env/);
    }
    const after =
      /(\/opt\/holdfast\/app\/\S+)/.exec(instanceFile('holdfast-after-exit-container.service'))?.[1] ?? '';
    expect(existsSync(join(context, after.slice('/opt/holdfast/app/'.length)))).toBe(true);
  });
});
