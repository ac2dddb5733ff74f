import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findApp, findCdk } from '../../../cli/deploy/find-cdk.ts';
import { pinned, pinnedVersion } from '../../../cli/deploy/pinned-versions.ts';
import { UnfitError } from '../../../lib/base/errors.ts';
import { packageFile } from '../../../lib/base/package-files.ts';
import { cdkProject } from '../../support/cdk-project.ts';
import { tempDir } from '../../support/temp-dir.ts';

describe('findCdk', () => {
  it("prefers the project's own, also from a folder inside of it", () => {
    const { cwd } = cdkProject({ version: '2.1200.0' });
    const inside = join(cwd, 'a', 'b');
    mkdirSync(inside, { recursive: true });
    expect(findCdk(inside)).toEqual({
      version: '2.1200.0',
      file: join(cwd, 'node_modules', 'aws-cdk', 'cdk.mjs'),
    });
  });

  it('takes that of this package elsewhere', () => {
    expect(findCdk(tempDir())).toEqual({
      version: pinnedVersion('aws-cdk'),
      file: packageFile('node_modules/aws-cdk/bin/cdk'),
    });
  });

  it('refuses the stray version, and names the right one', () => {
    const { cwd } = cdkProject({ version: '3.0.0' });
    let caught: unknown;
    try {
      findCdk(cwd);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(UnfitError);
    expect(caught).toMatchObject({ hint: expect.stringContaining(`npm i -D ${pinned('aws-cdk')}`) });
  });
});

describe('findApp', () => {
  it('is the one that the folder describes', () => {
    const cwd = tempDir();
    writeFileSync(join(cwd, 'cdk.json'), '{}');
    expect(findApp(cwd)).toEqual({ cwd, args: [], isOwn: false });
  });

  it('is the one of this package elsewhere, with the settings beside it', () => {
    const { cwd, args, isOwn } = findApp(tempDir());
    expect(isOwn).toBe(true);
    expect(cwd).toBe(packageFile('.'));
    expect(args.slice(0, 2)).toEqual(['--app', expect.stringContaining(packageFile('dist/infra/app.js'))]);
  });
});

it('pins what npm would otherwise choose', () => {
  expect(pinned('aws-cdk', 'constructs')).toMatch(/^aws-cdk@\d+\.\d+\.\d+ constructs@\d+\.\d+\.\d+$/);
  expect(() => pinned('left-pad')).toThrow('left-pad');
});
