import { describe, expect, it } from 'vitest';
import { cliWorld } from '../support/cli-world.ts';

const work = (words: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  cliWorld().run(['worker', '--imds', 'none', ...words], { env });

describe('holdfast worker', () => {
  it.each([
    ['by its option', ['--auto-scaling-group', 'workers'], {}],
    ['by the environment', [], { HOLDFAST_AUTO_SCALING_GROUP: 'workers' }],
  ])('that is told its Auto Scaling group %s needs to know its instance', async (_, words, env) => {
    const { code, err } = await work(words, env);
    expect(code).toBe(78);
    expect(err).toContain('a worker of an Auto Scaling group must know its instance. group=`workers`');
  });

  it('is on its own where the environment names an empty group, and ends after the idle time of the environment', async () => {
    const { code, err } = await work(['--heartbeat', '300ms', '--visibility', '1s'], {
      HOLDFAST_AUTO_SCALING_GROUP: '',
      HOLDFAST_IDLE_EXIT_MS: '200',
    });
    expect(code).toBe(0);
    expect(err).toContain('"answer":"alone"');
  });

  it('refuses an idle time of the environment that is none', async () => {
    const { code, err } = await work([], { HOLDFAST_IDLE_EXIT_MS: 'soon' });
    expect(code).toBe(2);
    expect(err).toContain('HOLDFAST_IDLE_EXIT_MS is not a number of milliseconds: `soon`.');
  });
});
