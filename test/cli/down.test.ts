import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { cdkProject } from '../support/cdk-project.ts';
import { cliWorld } from '../support/cli-world.ts';
import { claimed } from '../support/journal-world.ts';

type Project = ReturnType<typeof cdkProject>;
const commandsOf = (project: Project): unknown[] =>
  project.calls().map(({ args, signal }) => args?.[0] ?? signal);
const holdfast = ({ cwd }: Project, name: string): string => join(cwd, '.holdfast', name);

/** A deployment whose store is a folder: what commands ask of it needs no AWS. */
function deployed(project: Project, facts: object = {}): void {
  const store = pathToFileURL(holdfast(project, 'store')).href;
  const document = { format: 1, store, queue: pathToFileURL(holdfast(project, 'queue')).href };
  mkdirSync(holdfast(project, 'store'), { recursive: true });
  writeFileSync(
    holdfast(project, 'deployment.json'),
    JSON.stringify({ ...document, stack: 'training', ...facts }),
  );
}

describe('down', () => {
  it('deletes the stack whose name was typed, keeps the jobs, and says where they are', async () => {
    const project = cdkProject();
    deployed(project);
    const asked: string[] = [];
    const { code, out, err } = await cliWorld(project.cwd).run(['down'], {
      env: project.env(),
      typed: ['training'],
      asked,
    });
    expect(code, err).toBe(0);
    expect(asked).toEqual(['Type training to go on:']);
    expect(commandsOf(project)).toEqual(['synth', 'destroy']);
    expect(project.calls()[1]?.args?.slice(1, 3)).toEqual(['trainingId', '--app']);
    expect(project.calls()[1]?.args).toContain('--force');
    expect(out).toMatch(/^deleted {2}stack training\nkept {5}file:/);
    expect(err).toContain('holdfast ls --store');
    expect(existsSync(holdfast(project, 'deployment.json'))).toBe(false);
    expect(JSON.parse(readFileSync(holdfast(project, 'deployment.previous.json'), 'utf8'))).toMatchObject({
      stack: 'training',
    });
    expect(existsSync(holdfast(project, 'store'))).toBe(true);
    const again = await cliWorld(project.cwd).run(['down', '--yes'], { env: project.env() });
    expect(again.code).toBe(3);
    expect(again.err).toContain('holdfast down --delete-data');
  });

  it.each([
    ['something else is typed', ['trainings'], 'trainings'],
    ['nobody is there', [], '--yes does'],
  ])('deletes nothing when %s', async (_, typed) => {
    const project = cdkProject();
    deployed(project);
    const { code, err } = await cliWorld(project.cwd).run(['down'], { env: project.env(), typed });
    expect(code).toBe(2);
    expect(err).toContain('nothing was deleted');
    expect(project.calls()).toEqual([]);
    expect(existsSync(holdfast(project, 'deployment.json'))).toBe(true);
  });

  it('asks for the data separately, before anything is deleted', async () => {
    const project = cdkProject();
    deployed(project, { store: 's3://my-bucket?region=eu-central-1' });
    const asked: string[] = [];
    const { code } = await cliWorld(project.cwd).run(['down', '--delete-data', '--force'], {
      env: project.env(),
      typed: ['training', 'no'],
      asked,
    });
    expect(code).toBe(2);
    expect(asked).toEqual(['Type training to go on:', 'Type my-bucket to go on:']);
    expect(project.calls()).toEqual([]);
  });

  it('deletes by what was deployed, whatever the app says by now', async () => {
    const project = cdkProject();
    deployed(project);
    const world = cliWorld(project.cwd);
    const dir = holdfast(project, 'cdk.out');
    mkdirSync(dir);
    const artifacts = { Old: { type: 'aws:cloudformation:stack', properties: { stackName: 'training' } } };
    writeFileSync(join(dir, 'manifest.json'), JSON.stringify({ artifacts }));
    const env = project.env({ stacks: ['renamed'] });
    expect((await world.run(['down', '--yes'], { env })).code).toBe(0);
    expect(project.calls().map(({ args }) => args?.slice(0, 2))).toEqual([['destroy', 'Old']]);
  });

  it('does not delete a stack that the app does not know', async () => {
    const project = cdkProject();
    deployed(project);
    const { code, err } = await cliWorld(project.cwd).run(['down', '--yes'], {
      env: project.env({ stacks: ['renamed'] }),
    });
    expect(code).toBe(3);
    expect(err).toContain('-c');
    expect(commandsOf(project)).toEqual(['synth']);
    expect(existsSync(holdfast(project, 'deployment.json'))).toBe(true);
  });

  it('refuses while jobs run, and lists them', async () => {
    const project = cdkProject();
    const world = cliWorld(project.cwd);
    await claimed(await world.submitted());
    await world.submitted({ jobId: 'waiting' });
    deployed(project);
    const { code, err } = await world.run(['down', '--yes'], { env: project.env() });
    expect(code).toBe(5);
    expect(err).toContain('job-1 runs');
    expect(err).not.toContain('waiting');
    expect(project.calls()).toEqual([]);
    expect((await world.run(['down', '--yes', '--force'], { env: project.env() })).code).toBe(0);
  });

  it('keeps the deployment when the CDK could not delete the stack', async () => {
    const project = cdkProject();
    deployed(project);
    const { code } = await cliWorld(project.cwd).run(['down', '--yes'], {
      env: project.env({ fails: { destroy: 'training | DELETE_FAILED | the network is in use' } }),
    });
    expect(code).toBe(1);
    expect(existsSync(holdfast(project, 'deployment.json'))).toBe(true);
  });

  it('can be interrupted, and typed again', async () => {
    const project = cdkProject();
    deployed(project);
    const keyboard = new AbortController();
    const { code } = await cliWorld(project.cwd).run(['down', '--yes'], {
      env: project.env({ hangs: 'destroy' }),
      signal: keyboard.signal,
      onErr: (text) => {
        if (text.includes('destroy has begun')) keyboard.abort(new Error('Ctrl-C'));
      },
    });
    expect(code).toBe(130);
    expect(commandsOf(project)).toEqual(['synth', 'destroy', 'SIGINT']);
    expect((await cliWorld(project.cwd).run(['down', '--yes'], { env: project.env() })).code).toBe(0);
  });

  it('says what is missing where nothing was deployed', async () => {
    const project = cdkProject();
    const nothing = await cliWorld(project.cwd).run(['down', '--yes'], { env: project.env() });
    expect(nothing).toMatchObject({ code: 3 });
    expect(nothing.err).toContain('holdfast up --outputs');
    deployed(project, { stack: undefined });
    const nameless = await cliWorld(project.cwd).run(['down', '--yes'], { env: project.env() });
    expect(nameless).toMatchObject({ code: 2 });
    expect(nameless.err).toContain('--stack');
  });
});
