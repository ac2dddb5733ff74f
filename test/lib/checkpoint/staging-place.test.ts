import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

  it.runIf(process.platform === 'linux' && hasSharedMemory)('counts a zombie among the dead', async () => {
    // The shell starts a child that ends at once, then becomes a program that never collects it.
    const parent = spawn('sh', ['-c', 'sh -c "echo \\$\\$" & exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [line]: unknown[] = await once(parent.stdout, 'data');
    const pid = Number(String(line));
    while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) await new Promise(setImmediate);
    const leftover = join('/dev/shm', `holdfast-${pid}`);
    mkdirSync(leftover);
    try {
      await removeStagingLeftovers();
      expect(existsSync(leftover)).toBe(false);
    } finally {
      rmSync(leftover, { recursive: true, force: true });
      parent.kill('SIGKILL');
    }
  });

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
