import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { tracedProcess } from '../../../../proof/verify/trace/trace-process.ts';
import { tempDir } from '../../../support/temp-dir.ts';

it('gives each disturbed process a folder for temporary files of its own, and the others none', () => {
  const dir = tempDir();
  const [one, other, left] = [true, true, false].map(
    (disturbed) => tracedProcess({ dir, disturbed, seed: 1 }).env['TMPDIR'],
  );
  expect(one).not.toBe(other);
  for (const folder of [one, other]) expect(existsSync(folder ?? '')).toBe(true);
  expect(left).toBe(process.env['TMPDIR']);
});
