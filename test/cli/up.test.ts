import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cdkProject } from '../support/cdk-project.ts';
import { cliWorld } from '../support/cli-world.ts';

const queue = 'https://sqs.eu-central-1.amazonaws.com/123456789012/jobs';
const outputs = { training: { Store: 's3://bucket?region=eu-central-1', Queue: queue, WorkersGroup: 'w' } };
const written = {
  format: 1,
  stack: 'training',
  region: 'eu-central-1',
  store: 's3://bucket?region=eu-central-1',
  queue,
  workersGroup: 'w',
};

type Project = ReturnType<typeof cdkProject>;
const fileOf = ({ cwd }: Project): string => join(cwd, '.holdfast', 'deployment.json');
const commandsOf = (project: Project): unknown[] =>
  project.calls().map(({ args, signal }) => args?.[0] ?? signal);

describe('up', () => {
  it('shows what changes, asks, deploys, and remembers what stands', async () => {
    const project = cdkProject();
    const asked: string[] = [];
    const { code, out, err } = await cliWorld(project.cwd).run(['up', '-c', 'maxCapacity=8'], {
      env: project.env({ outputs }),
      answer: true,
      asked,
    });
    expect(code, err).toBe(0);
    expect(asked).toEqual(['Deploy stack training as shown above to aws://123456789012/eu-central-1?']);
    expect(commandsOf(project)).toEqual(['synth', 'diff', 'deploy']);
    const [synth, diff, deploy] = project.calls();
    expect(synth?.args?.join(' ')).toContain('-c maxCapacity=8');
    // What was shown is what is deployed: the app runs once.
    const dir = join(project.cwd, '.holdfast', 'cdk.out');
    expect(synth?.args).toContain(dir);
    for (const call of [diff, deploy]) {
      expect(call?.args?.slice(1, 4)).toEqual(['trainingId', '--app', dir]);
      expect(call?.cwd).toBe(project.cwd);
    }
    expect(diff?.args).toContain('--method=template');
    expect(deploy?.args?.join(' ')).toContain('--require-approval never');
    expect(JSON.parse(readFileSync(fileOf(project), 'utf8'))).toEqual(written);
    expect(out).toContain('store         s3://bucket?region=eu-central-1\n');
    expect(err).toContain('[+] AWS::SQS::Queue Jobs');
    expect(err).toContain('CREATE_COMPLETE');
    expect(err).toContain('npx holdfast submit train.ts');
  });

  it('tells whoever sets something by -c that an app of their own may not read it', async () => {
    const project = cdkProject();
    const env = project.env({ outputs });
    const run = async (...more: string[]): Promise<string> =>
      (await cliWorld(project.cwd).run(['up', '--yes', ...more], { env })).err;
    expect(await run('-c', 'spotMaxPrice=0.2')).toContain('without propsFromContext it reads nothing');
    expect(await run()).not.toContain('propsFromContext');
  });

  it('refuses a setting without a value before anything runs', async () => {
    const project = cdkProject();
    const { code, err } = await cliWorld(project.cwd).run(['up', '--yes', '-c', 'maxCapacity'], {
      env: project.env({ outputs }),
    });
    expect(code).toBe(2);
    expect(err).toContain('-c maxCapacity=8');
    expect(commandsOf(project)).toEqual([]);
  });

  it('prints the deployment as one document, and everything else to stderr', async () => {
    const project = cdkProject();
    const { code, json } = await cliWorld(project.cwd).run(['up', '--yes', '--json'], {
      env: project.env({ outputs }),
    });
    expect(code).toBe(0);
    expect(json).toEqual([{ schemaVersion: 1, deployment: written, file: fileOf(project) }]);
  });

  it('deploys nothing unless somebody agrees', async () => {
    const project = cdkProject();
    const env = project.env({ outputs });
    const nobody = await cliWorld(project.cwd).run(['up'], { env });
    expect(nobody.code).toBe(2);
    expect(nobody.err).toContain('holdfast up --yes');
    const no = await cliWorld(project.cwd).run(['up'], { env, answer: false });
    expect(no.code).toBe(2);
    expect(commandsOf(project)).toEqual(['synth', 'diff', 'synth', 'diff']);
    expect(existsSync(fileOf(project))).toBe(false);
  });

  it('asks nothing where nothing changes, and writes the file that was missing', async () => {
    const project = cdkProject();
    const { code } = await cliWorld(project.cwd).run(['up'], {
      env: project.env({ outputs, differs: false }),
    });
    expect(code).toBe(0);
    expect(existsSync(fileOf(project))).toBe(true);
  });

  it('prepares an account that was never prepared, after saying so', async () => {
    const project = cdkProject();
    const { code, err } = await cliWorld(project.cwd).run(
      ['up', '--yes', '--profile', 'work', '--region', 'eu-central-1'],
      { env: project.env({ outputs, prepared: false }) },
    );
    expect(code, err).toBe(0);
    expect(commandsOf(project)).toEqual(['synth', 'diff', 'bootstrap', 'deploy']);
    expect(project.calls()[2]?.args?.slice(0, 2)).toEqual(['bootstrap', 'aws://123456789012/eu-central-1']);
    for (const { args } of project.calls())
      expect(args?.join(' ')).toMatch(/--profile work --region eu-central-1$/);
    expect(err).toContain('CDKToolkit is made first');
    expect(err).toContain('AWS_PROFILE=work npx holdfast submit');
  });

  it('does not prepare an account when nobody agrees', async () => {
    const project = cdkProject();
    const env = project.env({ outputs, prepared: false, differs: false });
    expect((await cliWorld(project.cwd).run(['up'], { env, answer: false })).code).toBe(2);
    expect(commandsOf(project)).toEqual(['synth', 'diff']);
  });

  it('hands further words to the CDK', async () => {
    const project = cdkProject();
    const { code } = await cliWorld(project.cwd).run(['up', '--yes', '--', '--method=direct'], {
      env: project.env({ outputs }),
    });
    expect(code).toBe(0);
    const [, diff, deploy] = project.calls();
    expect(deploy?.args).toContain('--method=direct');
    // A comparison has methods of its own.
    expect(diff?.args).not.toContain('--method=direct');
    expect(diff?.args).toContain('--method=template');
    const stray = await cliWorld(project.cwd).run(['up', '--yes', 'training'], { env: project.env() });
    expect(stray).toMatchObject({ code: 2 });
    expect(stray.err).toContain('--stack');
  });

  it.each([
    ['Unable to resolve AWS account to use.', 'diff', 4, 'aws sts get-caller-identity'],
    ['User x is not authorized to perform: cloudformation:CreateChangeSet', 'deploy', 4, 'may not deploy'],
    ['The maximum number of VPCs has been reached.', 'deploy', 1, 'Service Quotas'],
    ['Stack is in UPDATE_IN_PROGRESS state and can not be updated', 'deploy', 5, 'still works'],
    ['something else', 'synth', 1, 'stands above'],
  ])('says what to do when the CDK fails with "%s"', async (words, command, code, message) => {
    const project = cdkProject();
    const run = await cliWorld(project.cwd).run(['up', '--yes'], {
      env: project.env({ outputs, fails: { [command]: words } }),
    });
    expect(run.code).toBe(code);
    expect(run.err).toContain(words);
    expect(run.err).toContain(message);
    expect(existsSync(fileOf(project))).toBe(false);
  });

  it('interrupts the CDK with itself, and leaves the file of the last deployment alone', async () => {
    const project = cdkProject();
    mkdirSync(join(project.cwd, '.holdfast'));
    writeFileSync(fileOf(project), JSON.stringify({ ...written, stack: 'before' }));
    const keyboard = new AbortController();
    const running = cliWorld(project.cwd).run(['up', '--yes'], {
      env: project.env({ outputs, hangs: 'deploy' }),
      signal: keyboard.signal,
      onErr: (text) => {
        if (text.includes('deploy has begun')) keyboard.abort(new Error('Ctrl-C'));
      },
    });
    const { code, err } = await running;
    expect(code).toBe(130);
    expect(err).toContain('CloudFormation goes on by itself');
    expect(commandsOf(project)).toEqual(['synth', 'diff', 'deploy', 'SIGINT']);
    expect(JSON.parse(readFileSync(fileOf(project), 'utf8'))).toMatchObject({ stack: 'before' });
  });

  it('asks which stack is meant where the app has several', async () => {
    const project = cdkProject();
    const env = project.env({ stacks: ['training', 'web'], outputs: { ...outputs, web: { Url: 'x' } } });
    const unsaid = await cliWorld(project.cwd).run(['up', '--yes'], { env });
    expect(unsaid.code).toBe(2);
    expect(unsaid.err).toContain('training, web');
    expect((await cliWorld(project.cwd).run(['up', '--yes', '--stack', 'gone'], { env })).code).toBe(3);
    expect((await cliWorld(project.cwd).run(['up', '--yes', '--stack', 'web'], { env })).err).toContain(
      'no stack has the outputs of a fleet',
    );
    expect((await cliWorld(project.cwd).run(['up', '--yes', '--stack', 'training'], { env })).code).toBe(0);
  });

  it('does not deploy with the stray version of the CDK, and says which to install', async () => {
    const project = cdkProject({ version: '3.0.0' });
    const { code, err } = await cliWorld(project.cwd).run(['up', '--yes'], { env: project.env() });
    expect(code).toBe(1);
    expect(err).toContain('npm i -D aws-cdk@2.1148.1');
    expect(project.calls()).toEqual([]);
  });
});

describe('up --outputs', () => {
  const run = (document: unknown, ...args: readonly string[]) => {
    const project = cdkProject();
    writeFileSync(join(project.cwd, 'outputs.json'), JSON.stringify(document));
    return cliWorld(project.cwd).run(['up', '--outputs', 'outputs.json', '--json', ...args], {
      env: project.env(),
    });
  };

  it('learns what was deployed by the CDK alone', async () => {
    expect((await run(outputs)).json).toMatchObject([{ deployment: written }]);
  });

  it('learns it from CloudFormation as well, past other stacks', async () => {
    const described = {
      Stacks: [
        { StackName: 'web', Outputs: [{ OutputKey: 'Url', OutputValue: 'x' }] },
        {
          StackName: 'training',
          Outputs: Object.entries(outputs.training).map(([OutputKey, OutputValue]) => ({
            OutputKey,
            OutputValue,
          })),
        },
      ],
    };
    expect((await run(described)).json).toMatchObject([{ deployment: written }]);
  });

  it('takes the named one of two fleets', async () => {
    const two = { ...outputs, second: outputs.training };
    expect((await run(two)).code).toBe(2);
    expect((await run(two, '--stack', 'second')).json).toMatchObject([{ deployment: { stack: 'second' } }]);
  });

  it.each([[[]], ['text'], [{ training: 5 }]])('refuses %j', async (document) => {
    const { code, err } = await run(document);
    expect(code).toBe(2);
    expect(err).toContain('no outputs');
  });

  it('refuses a file that is not there', async () => {
    const { code, err } = await cliWorld().run(['up', '--outputs', 'gone.json']);
    expect(code).toBe(2);
    expect(err).toContain('cannot be read');
  });
});

describe('diff', () => {
  it('shows the differences as data, and ends with 6', async () => {
    const project = cdkProject();
    const { code, out, err } = await cliWorld(project.cwd).run(['diff'], { env: project.env() });
    expect(code).toBe(6);
    expect(out).toContain('[+] AWS::SQS::Queue Jobs');
    expect(err).toContain('holdfast up');
    expect(existsSync(join(project.cwd, '.holdfast'))).toBe(false);
  });

  it('ends with 0 where there are none', async () => {
    const project = cdkProject();
    const { code, json } = await cliWorld(project.cwd).run(['diff', '--json'], {
      env: project.env({ differs: false }),
    });
    expect(code).toBe(0);
    expect(json).toEqual([
      {
        schemaVersion: 1,
        stack: 'training',
        environment: 'aws://123456789012/eu-central-1',
        differs: false,
        needsBootstrap: false,
      },
    ]);
  });

  it('does not take a failure for a difference', async () => {
    const project = cdkProject();
    const env = project.env({ fails: { diff: 'ExpiredToken: the security token has expired' } });
    expect((await cliWorld(project.cwd).run(['diff'], { env })).code).toBe(4);
  });
});
