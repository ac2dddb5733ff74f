import { describe, expect, it } from 'vitest';
import { cliWorld } from '../support/cli-world.ts';

describe('help', () => {
  it('names every command and the exit codes, on stdout', async () => {
    const { code, out, err } = await cliWorld().run(['--help']);
    expect(code).toBe(0);
    expect(err).toBe('');
    for (const name of 'demo worker submit ls show why logs watch pause resume cancel retry checkpoints local interrupt doctor fleet'.split(
      ' ',
    )) {
      expect(out).toMatch(new RegExp(`^ {2}${name} `, 'm'));
    }
    expect(out).toContain('100 job failed');
  });

  it.each(
    'demo worker submit ls show why logs watch pause resume cancel retry checkpoints local interrupt doctor fleet'.split(
      ' ',
    ),
  )('of %s shows the options that every command takes', async (name) => {
    const { code, out } = await cliWorld().run([name, '--help']);
    expect(code).toBe(0);
    for (const option of ['--json', '--store', '--queue', '--dir']) expect(out).toContain(option);
  });

  it('shows durations as a person types them', async () => {
    const { out } = await cliWorld().run(['local', '--help']);
    expect(out).toMatch(/kill\s+\(default: 12s\)/);
    expect(out).not.toMatch(/default: \d{4,}\)/);
  });

  it('goes to stderr, as a usage error, when no command is given', async () => {
    const { code, out, err } = await cliWorld().run([]);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toContain('Usage: holdfast');
  });

  it('tells the version of the package', async () => {
    const { code, out } = await cliWorld().run(['--version']);
    expect(code).toBe(0);
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('a usage error', () => {
  it.each([
    [['checkpoints', 'show', 'a'], '`holdfast checkpoints show --help`'],
    [['checkpoints', 'fly'], '`holdfast checkpoints --help`'],
    [['--dir', 'x', 'checkpoints', 'export', 'a'], '`holdfast checkpoints export --help`'],
    [['fly', 'ls'], '`holdfast --help`'],
  ])('of %j points to the help of the command that was meant', async (args, hint) => {
    const { code, err } = await cliWorld().run(args);
    expect(code).toBe(2);
    expect(err).toContain(hint);
  });

  it.each([
    ['an unknown command', ['fly'], "unknown command 'fly'"],
    ['an unknown option', ['ls', '--fast'], "unknown option '--fast'"],
    ['a missing argument', ['show'], "missing required argument 'job'"],
    ['one argument too many', ['show', 'a', 'b'], 'too many arguments'],
    ['an option without its value', ['ls', '--store'], "option '--store <uri>' argument missing"],
    ['a duration without a unit', ['local', '--heartbeat', '5'], '--heartbeat is not a duration'],
    ['an amount that is none', ['local', '--bandwidth', 'fast'], '--bandwidth is not an amount'],
    ['a count that is none', ['local', '--workers', '-1'], '--workers'],
    [
      'a job id that is none',
      'submit --command --preset lightning --id Not/An/Id -- x'.split(' '),
      'not a job id',
    ],
    ['an unknown kind of store', ['ls', '--store', 'ftp://x'], 'no kind of store'],
    [
      'an unknown kind of queue',
      [
        'submit',
        '--command',
        '--preset',
        'lightning',
        '--store',
        '/tmp/holdfast-none',
        '--queue',
        'ftp://x',
        '--',
        'x',
      ],
      'no kind of queue',
    ],
  ])('from %s ends with 2 and says what to do', async (_, args, message) => {
    const world = cliWorld();
    const { code, out, err } = await world.run(
      args.map((arg) => arg.replace('/tmp/holdfast-none', `${world.cwd}/s`)),
    );
    expect(err).toContain(message);
    expect(code).toBe(2);
    expect(out).toBe('');
  });

  it('is one object on stdout with --json, wherever --json stands', async () => {
    for (const args of [
      ['--json', 'fly'],
      ['fly', '--json'],
    ]) {
      const { code, json } = await cliWorld().run(args);
      expect(code).toBe(2);
      expect(json).toEqual([
        {
          schemaVersion: 1,
          error: {
            code: 'USAGE',
            remedy: 'reject',
            message: expect.stringContaining('fly'),
            hint: expect.stringContaining('--help'),
          },
        },
      ]);
    }
  });

  it("takes --json after -- for another program's", async () => {
    const { out } = await cliWorld().run(['submit', '--command', '--', 'node', '--json']);
    expect(out).toBe('');
  });
});
