import { readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import { cliWorld } from '../support/cli-world.ts';

const temporary = (): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith('holdfast-rehearsal-'));

describe('holdfast rehearse, before it starts anything', () => {
  it.each([
    [['no-such-job'], exitCodes.notFound, 'NOT_FOUND'],
    [['./no-such-program.ts'], exitCodes.usage, 'USAGE'],
    [['no-such-job', '--set', 'a=b'], exitCodes.usage, 'USAGE'],
    [['no-such-job', '--scenario', 'strom'], exitCodes.usage, 'USAGE'],
    [['no-such-job', '--scenario', 'calm.json'], exitCodes.usage, 'USAGE'],
    [['no-such-job', '--svg', 'no/such/folder.svg'], exitCodes.usage, 'USAGE'],
    [['train.ts', '--into', '.'], exitCodes.usage, 'USAGE'],
    [['train.ts', '--into', 'calm.json'], exitCodes.usage, 'USAGE'],
  ])('refuses %j by name, and leaves no folder behind', async (args, expected, error) => {
    const world = cliWorld();
    writeFileSync(join(world.cwd, 'calm.json'), JSON.stringify({ format: 1, about: 'Calm.' }));
    writeFileSync(join(world.cwd, 'train.ts'), 'export default 1;');
    const before = [...temporary(), ...readdirSync(world.cwd)];
    const { code, json, err } = await world.run(['rehearse', ...args, '--json']);
    expect(code, err).toBe(expected);
    expect(json).toMatchObject([{ error: { code: error } }]);
    expect([...temporary(), ...readdirSync(world.cwd)]).toEqual(before);
  });
});
