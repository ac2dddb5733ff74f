import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { projectFiles, projectName } from '../../cli/deploy/project-template.ts';
import { bundleProgram } from '../../lib/client/bundle-program.ts';
import { cliWorld } from '../support/cli-world.ts';
import { root } from '../support/house/source-tree.ts';
import { scratchFolder } from '../support/scratch-folder.ts';

const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

describe('init', () => {
  it('writes a project into a folder of its own, and says what comes next', async () => {
    const world = cliWorld();
    const { code, out, err } = await world.run(['init', 'My Spirals']);
    expect(code, err).toBe(0);
    const dir = join(world.cwd, 'My Spirals');
    const files = '.gitignore .npmrc README.md cdk.json infra.ts package.json train.ts tsconfig.json'.split(
      ' ',
    );
    expect(readdirSync(dir).toSorted()).toEqual(files);
    expect(out.trimEnd().split('\n').toSorted()).toEqual(files.map((file) => join('My Spirals', file)));
    expect(err).toContain("cd 'My Spirals' && npm install && npx holdfast up");
    const project = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
    expect(project).toMatchObject({
      name: 'my-spirals',
      type: 'module',
      dependencies: { holdfast: `file:${root}` },
    });
    for (const name of ['aws-cdk', 'aws-cdk-lib', 'constructs', 'typescript'])
      expect(project.devDependencies[name]).toBe(own.devDependencies[name]);
    expect(readFileSync(join(dir, 'infra.ts'), 'utf8')).toContain("'my-spirals'");
    for (const file of files) expect(readFileSync(join(dir, file), 'utf8')).not.toMatch(/\{\{|\}\}/);
    const { context } = JSON.parse(readFileSync(join(dir, 'cdk.json'), 'utf8'));
    expect(Object.keys(context).length).toBeGreaterThan(50);
    expect(Object.keys(context).filter((key) => !key.startsWith('@aws-cdk'))).toEqual([]);
  });

  it('never writes over a file, and writes nothing when one is in the way', async () => {
    const world = cliWorld();
    writeFileSync(join(world.cwd, 'train.ts'), 'mine');
    writeFileSync(join(world.cwd, 'README.md'), 'mine too');
    const { code, err } = await world.run(['init']);
    expect(code).toBe(5);
    expect(err).toContain('README.md, train.ts');
    expect(readdirSync(world.cwd).toSorted()).toEqual(['README.md', 'train.ts']);
    expect(readFileSync(join(world.cwd, 'train.ts'), 'utf8')).toBe('mine');
  });

  it('goes beside other files, and lists what it wrote for a program', async () => {
    const world = cliWorld();
    writeFileSync(join(world.cwd, 'notes.txt'), 'mine');
    const { code, json } = await world.run(['init', '--json']);
    expect(code).toBe(0);
    expect(json).toMatchObject([
      { folder: world.cwd, files: expect.arrayContaining(['infra.ts', 'train.ts']) },
    ]);
  });

  it.each([
    ['/a/My Spirals', 'my-spirals'],
    ['/a/2024_résumé!', 'r-sum'],
    ['/a/holdfast', 'holdfast-training'],
    ['/a/---', 'training'],
    [`/a/${'x'.repeat(39)}-y`, 'x'.repeat(39)],
  ])('calls the project in %s %s', (dir, name) => expect(projectName(dir)).toBe(name));
});

describe('the project', () => {
  let dir: string;
  let remove: () => Promise<void>;
  beforeAll(async () => {
    ({ dir, remove } = await scratchFolder());
    for (const { path, text } of projectFiles(dir)) writeFileSync(join(dir, path), text);
    // As npm would install it, with this package among the rest.
    mkdirSync(join(dir, 'node_modules'));
    const packages = ['.bin', '@tensorflow', '@types', 'aws-cdk-lib', 'constructs', 'typescript'];
    for (const name of packages)
      symlinkSync(join(root, 'node_modules', name), join(dir, 'node_modules', name));
    symlinkSync(root, join(dir, 'node_modules', 'holdfast'));
  });

  afterAll(() => remove());

  it('compiles', () => {
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', dir], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  it('has a program that can be submitted', async () => {
    await expect(bundleProgram(join(dir, 'train.ts'))).resolves.toMatchObject({ sha256: expect.any(String) });
  });

  it('describes a fleet, whose outputs every command needs', { timeout: 60_000 }, () => {
    const { app } = JSON.parse(readFileSync(join(dir, 'cdk.json'), 'utf8'));
    const out = join(dir, 'cdk.out');
    // As the CDK hands on what `-c maxCapacity=9` says.
    const CDK_CONTEXT_JSON = JSON.stringify({ maxCapacity: '9' });
    const env = { ...process.env, CDK_OUTDIR: out, CDK_VALIDATION: 'false', CDK_CONTEXT_JSON };
    const run = spawnSync(app, { cwd: dir, shell: true, encoding: 'utf8', env });
    expect(run.status, run.stderr).toBe(0);
    const template = readdirSync(out).find((name) => name.endsWith('.template.json')) ?? '';
    const { Outputs, Resources } = JSON.parse(readFileSync(join(out, template), 'utf8'));
    const resources = Object.values<{ Type: string; Properties?: { MaxSize?: string } }>(Resources);
    const group = resources.find(({ Type }) => Type === 'AWS::AutoScaling::AutoScalingGroup');
    expect(group?.Properties?.MaxSize).toBe('9');
    expect(Object.keys(Outputs)).toEqual(expect.arrayContaining(['Store', 'Queue', 'WorkersGroup']));
  });
});
