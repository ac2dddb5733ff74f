import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type CliWorld, cliWorld } from '../support/cli-world.ts';

const main = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function holdfast(world: CliWorld, args: readonly string[], nodeArgs: readonly string[] = []): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, main, ...args], {
    cwd: world.cwd,
    encoding: 'utf8',
    env: { ...process.env, HOLDFAST_STORE: '', HOLDFAST_QUEUE: '' },
  });
  return { code: status, out: stdout, err: stderr };
}

const program = `
export default {
  params: { units: 8, name: 'net' },
  setup() { throw new Error('nobody sets this up'); },
};
`;

describe('the built command line', () => {
  it('prints its help without loading any vendor, and few modules at all', () => {
    const world = cliWorld();
    const hook = join(world.cwd, 'hook.mjs');
    const loader = `
      import { writeSync } from 'node:fs';
      export async function resolve(specifier, context, next) {
        const found = await next(specifier, context);
        if (found.url.startsWith('file:')) writeSync(2, 'loaded ' + found.url + '\\n');
        return found;
      }`;
    const loaderUrl = `data:text/javascript,${encodeURIComponent(loader)}`;
    writeFileSync(hook, `import { register } from 'node:module'; register(${JSON.stringify(loaderUrl)});`);
    const { code, out, err } = holdfast(world, ['--help'], ['--import', hook]);
    expect(code).toBe(0);
    expect(out).toContain('Usage: holdfast');
    const loaded = err.split('\n').filter((line) => line.startsWith('loaded '));
    expect(loaded.some((line) => line.includes('/cli/run-cli.js'))).toBe(true);
    expect(loaded.filter((line) => /@aws-sdk|@smithy|@tensorflow|esbuild|\/zod\//.test(line))).toEqual([]);
    expect(new Set(loaded).size).toBeLessThan(40);
  });

  it('adds little to the start of Node itself', () => {
    const world = cliWorld();
    const fastestMs = (args: readonly string[]): number =>
      Math.min(
        ...Array.from({ length: 5 }, () => {
          const startedAt = performance.now();
          spawnSync(process.execPath, args, { cwd: world.cwd });
          return performance.now() - startedAt;
        }),
      );
    const bareMs = fastestMs(['-e', '0']);
    expect(fastestMs([main, '--help']) - bareMs).toBeLessThan(150);
  });

  it('ends with the code of the error, and prints data and talk apart', () => {
    const world = cliWorld();
    expect(holdfast(world, ['show', 'nobody'])).toMatchObject({ code: 3, out: '' });
    expect(holdfast(world, ['submit'])).toMatchObject({ code: 2, out: '' });
    expect(holdfast(world, ['ls', '--json'])).toEqual({
      code: 0,
      out: '{"schemaVersion":1,"jobs":[],"unreadable":[]}\n',
      err: '',
    });
  });

  it('checks parameters with the real host before anything is queued', async () => {
    const world = cliWorld();
    writeFileSync(join(world.cwd, 'train.ts'), program);
    const unknown = holdfast(world, ['submit', 'train.ts', '--set', 'unit=16']);
    expect(unknown.code).toBe(2);
    expect(unknown.err).toContain('`unit`');
    const wrong = holdfast(world, ['submit', 'train.ts', '--set', 'units=many']);
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain('`units`');
    expect(await world.tickets()).toBe(0);
    expect((await (await world.region()).store.list('jobs/')).objects).toEqual([]);

    const queued = holdfast(world, ['submit', 'train.ts', '--set', 'units=16', '--id', 'mine']);
    expect(queued).toMatchObject({ code: 0, out: 'mine\n' });
    expect(await world.tickets()).toBe(1);
    const { code, out } = holdfast(world, ['show', 'mine', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      job: { status: 'queued' },
      spec: { program: { params: { units: 16 } } },
    });
  });

  it('queues a program that fails at import, and says where', async () => {
    const world = cliWorld();
    writeFileSync(join(world.cwd, 'broken.ts'), `\n\nthrow new Error('no data here');\nexport default {};\n`);
    const { code, err } = holdfast(world, ['submit', 'broken.ts']);
    expect(code).toBe(0);
    expect(err).toContain('no data here');
    expect(err).toMatch(/broken\.ts:3/);
    expect(await world.tickets()).toBe(1);
  });
});
