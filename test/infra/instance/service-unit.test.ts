import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { instanceFile } from '../../../infra/instance/runtime-recipe.ts';
import { workerExitCodes } from '../../../lib/contract/exit-codes.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFile } from '../../../lib/base/package-files.ts';

const units = ['holdfast-worker.service', 'holdfast-worker-container.service'] as const;

/** Settings of a unit: the last one counts where a name stands twice. */
function settings(name: string): ReadonlyMap<string, string> {
  const text = instanceFile(name).replaceAll('\\\n', ' ');
  return new Map(
    [...text.matchAll(/^([A-Z]\w+)=(.*)$/gm)].map(([, key = '', value = '']) => [key, value] as const),
  );
}

describe('the service of a worker', () => {
  it.each(units)('%s is started again after a crash, and never after an end that was meant', (name) => {
    const unit = settings(name);
    const { fault, handedOver, configuration } = workerExitCodes;
    expect(unit.get('Restart')).toBe('on-failure');
    expect(unit.get('RestartPreventExitStatus')).toBe(`${fault} ${handedOver} ${configuration}`);
    expect(Number(unit.get('StartLimitBurst'))).toBeGreaterThan(1);
    expect(Number(unit.get('StartLimitIntervalSec'))).toBeGreaterThan(
      Number(unit.get('StartLimitBurst')) * Number(unit.get('RestartSec')),
    );
    expect(unit.get('OnFailure')).toBe('holdfast-after-exit.service');
  });

  it.each(units)('%s leaves a worker the two minutes of a notice', (name) => {
    const unit = settings(name);
    expect(unit.get('KillSignal')).toBe('SIGTERM');
    expect(unit.get('KillMode')).toBe('mixed');
    expect(unit.get('TimeoutStopSec')).toBe('120');
  });

  it.each(['holdfast-after-exit.service', 'holdfast-after-exit-container.service'])(
    '%s leaves no machine behind that it could not give back',
    (name) => {
      const unit = settings(name);
      expect(unit.get('FailureAction')).toBe('poweroff');
      // docker run answers 143 to the stop by which a restarted worker ends the wait.
      expect(unit.get('SuccessExitStatus')).toBe(name.includes('container') ? '143' : undefined);
    },
  );

  it('runs as a user without rights, and still reaches the GPU', () => {
    const unit = settings('holdfast-worker.service');
    expect(unit.get('User')).toBe('holdfast');
    expect(unit.get('NoNewPrivileges')).toBe('yes');
    expect(unit.get('ProtectSystem')).toBe('full');
    // ProtectClock implies a list of allowed devices, on which no GPU is.
    const hindrances = ['PrivateDevices', 'DevicePolicy', 'DeviceAllow', 'ProtectClock', 'PrivateIPC'];
    for (const hindrance of [...hindrances, 'MemoryDenyWriteExecute']) {
      expect(unit.has(hindrance), hindrance).toBe(false);
    }
    // A trainer that was killed for memory must not take the worker down, which is to report it.
    expect(unit.get('OOMPolicy')).toBe('continue');
  });

  const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

  it.skipIf(!hasSystemd)('has nothing that systemd does not understand', () => {
    const dir = tempDir();
    for (const name of ['holdfast-worker.service', 'holdfast-after-exit.service']) {
      copyFileSync(packageFile(`infra/instance/files/${name}`), join(dir, name));
    }
    const { stderr } = spawnSync('systemd-analyze', ['verify', join(dir, 'holdfast-worker.service')], {
      encoding: 'utf8',
    });
    const complaints = stderr
      .split('\n')
      .filter((line) => /holdfast/.test(line) && !/is not executable/.test(line));
    expect(complaints).toEqual([]);
  });
});
