import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openQueue } from '../../lib/client/region.ts';
import { root } from '../support/house/source-tree.ts';
import { cliWorld } from '../support/cli-world.ts';

const words = (line: string): string[] => line.split(' ');
const submit = 'submit --command --preset lightning --id job';

describe('a job that is queued in a folder where no region runs', () => {
  it('is told who would work on it', async () => {
    const world = cliWorld();
    const { code, out, err } = await world.run(words(`${submit} -- true`));
    expect({ code, out }).toEqual({ code: 0, out: 'job\n' });
    expect(err).toContain('no region runs: `holdfast local`');
    expect(await world.tickets()).toBe(1);
  });

  it('is not told so where a store was named, in a dry run, or to a program', async () => {
    const world = cliWorld();
    const named = `--store file://${world.cwd}/store --queue file://${world.cwd}/queue`;
    for (const line of [`${submit} ${named}`, `${submit} --dry-run`, `${submit} --json`]) {
      const { code, err } = await world.run(words(`${line} -- true`));
      expect(code, err).toBe(0);
      expect(err).not.toContain('holdfast local');
    }
  });
});

describe('what a job omits', () => {
  const program = join(root, 'templates', 'project', 'train.ts');

  it('stands in its spec, beside when it saves', async () => {
    const world = cliWorld();
    const line = [
      'submit',
      program,
      '--dry-run',
      '--json',
      '--omit',
      'ema',
      '--omit',
      '_best',
      '--omit',
      'ema',
    ];
    const { json, err } = await world.run([...line, '--save-every', '5steps']);
    expect(json, err).toMatchObject([{ spec: { save: { everySteps: 5, omit: ['ema', '_best'] } } }]);
  });

  it('is refused where it could be no name of a state, and for a command', async () => {
    const world = cliWorld();
    const strange = await world.run(['submit', program, '--dry-run', '--omit', 'a/b']);
    expect(strange).toMatchObject({ code: 2, err: expect.stringContaining('--omit') });
    const command = await world.run(words(`${submit} --omit ema -- true`));
    expect(command).toMatchObject({
      code: 2,
      err: expect.stringContaining('--omit means nothing to a command'),
    });
  });
});

describe('a program that is only bundled', () => {
  const program = join(root, 'templates', 'project', 'train.ts');

  it('is a job by a message alone', { timeout: 60_000 }, async () => {
    const world = cliWorld();
    const line = ['submit', program, '--bundle', 'program.mjs', '--set', 'epochs=1', '--json'];
    const { code, json, err } = await world.run(line);
    expect(code, err).toBe(0);
    const [written] = json as { file: string; params: unknown }[];
    expect(written).toMatchObject({ file: join(world.cwd, 'program.mjs'), params: { epochs: 1 } });
    expect(existsSync(join(world.cwd, '.holdfast'))).toBe(false);

    const queue = await openQueue(pathToFileURL(join(world.cwd, '.holdfast', 'queue')).href);
    const message = { format: 1, program: pathToFileURL(written!.file).href, params: written!.params };
    await queue.send(JSON.stringify(message));
    await queue.close();
    expect((await world.run(['worker', '--once'])).code).toBe(0);
    const { json: listed } = await world.run(['ls', '--json']);
    expect(listed).toMatchObject([{ jobs: [{ status: 'completed' }] }]);
  });

  it('is checked first, and never written over itself', async () => {
    const world = cliWorld();
    const unknown = await world.run(['submit', program, '--bundle', 'program.mjs', '--set', 'epochz=1']);
    expect(unknown.code).toBe(2);
    expect(unknown.err).toContain('epochz');
    expect(existsSync(join(world.cwd, 'program.mjs'))).toBe(false);
    const before = readFileSync(program, 'utf8');
    expect((await world.run(['submit', program, '--bundle', program])).code).toBe(2);
    expect(readFileSync(program, 'utf8')).toBe(before);
    expect((await world.run(['submit', '--command', '--bundle', 'x.mjs', '--', 'true'])).code).toBe(2);
  });
});
