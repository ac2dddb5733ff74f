import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseStack, readAssembly } from '../../../cli/deploy/cloud-assembly.ts';
import { NotFoundError, UsageError } from '../../../lib/base/errors.ts';
import { tempDir } from '../../support/temp-dir.ts';

function assembly(dir: string, artifacts: object): string {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'manifest.json'), JSON.stringify({ version: '55.0.0', artifacts }));
  return dir;
}

const stack = (displayName: string, stackName?: string) => ({
  type: 'aws:cloudformation:stack',
  displayName,
  properties: { templateFile: 'x.json', ...(stackName === undefined ? {} : { stackName }) },
});

describe('readAssembly', () => {
  it('finds stacks by both of their names, and in stages', async () => {
    const dir = assembly(tempDir(), {
      Tree: { type: 'cdk:tree', properties: { file: 'tree.json' } },
      Training: stack('Training', 'my-training'),
      Plain: { type: 'aws:cloudformation:stack' },
      'assembly-Prod': { type: 'cdk:cloud-assembly', properties: { directoryName: 'assembly-Prod' } },
    });
    assembly(join(dir, 'assembly-Prod'), { ProdTraining1: stack('Prod/Training', 'Prod-Training') });
    expect(await readAssembly(dir)).toEqual([
      { id: 'Training', name: 'my-training' },
      { id: 'Plain', name: 'Plain' },
      { id: 'Prod/Training', name: 'Prod-Training' },
    ]);
  });

  it('finds nothing where nothing was synthesized', async () => {
    expect(await readAssembly(join(tempDir(), 'cdk.out'))).toBeUndefined();
  });
});

describe('chooseStack', () => {
  const [one, two] = [
    { id: 'Stage/One', name: 'one' },
    { id: 'Two', name: 'two' },
  ];
  it('takes the only one, or the one that is named either way', () => {
    expect(chooseStack([one], undefined)).toBe(one);
    expect(chooseStack([one, two], 'two')).toBe(two);
    expect(chooseStack([one, two], 'Stage/One')).toBe(one);
  });
  it('asks for a name where several are there, and refuses one that none has', () => {
    expect(() => chooseStack([one, two], undefined)).toThrow(UsageError);
    expect(() => chooseStack([one, two], 'three')).toThrow(NotFoundError);
    expect(() => chooseStack([], undefined)).toThrow(NotFoundError);
  });
});
