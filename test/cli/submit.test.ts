import { describe, expect, it } from 'vitest';
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
