import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseStagingDir, removeStagingLeftovers } from '../../../lib/checkpoint/staging-place.ts';

const hasSharedMemory = existsSync('/dev/shm');

describe('the place for slots', () => {
  it.skipIf(!hasSharedMemory)(
    'is shared memory, and what a dead worker left there is removed first',
    async () => {
      // A process that has ended: its number belongs to nobody, for a while.
      const { pid } = spawnSync(process.execPath, ['-e', '']);
      const leftover = join('/dev/shm', `holdfast-${pid}`);
      const ours = join('/dev/shm', `holdfast-${process.pid}`);
      mkdirSync(leftover, { recursive: true });
      writeFileSync(join(leftover, 'slot'), 'bytes of a machine that is gone');
      try {
        expect(await chooseStagingDir('/nowhere')).toBe(ours);
        expect(existsSync(leftover)).toBe(false);
        writeFileSync(join(ours, 'slot'), 'ours');
        await removeStagingLeftovers();
        expect(existsSync(join(ours, 'slot'))).toBe(true);
      } finally {
        rmSync(leftover, { recursive: true, force: true });
        rmSync(ours, { recursive: true, force: true });
      }
    },
  );

  it('never touches what is not named like a slot folder', async () => {
    const other = mkdtempSync(join(hasSharedMemory ? '/dev/shm' : tmpdir(), 'holdfast-x'));
    try {
      await removeStagingLeftovers();
      expect(existsSync(other)).toBe(true);
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });
});
