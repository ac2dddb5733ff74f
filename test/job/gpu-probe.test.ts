import { describe, expect, it } from 'vitest';
import { UnfitError } from '../../lib/base/errors.ts';
import { probeGpus } from '../../job/gpu-probe.ts';
import { runCommand, type RunCommand } from '../../job/run-command.ts';

const answering =
  (answer: string): RunCommand =>
  async () =>
    answer;

describe('the probe of the GPU', () => {
  it('asks the driver for name, driver, memory and capability, within a limit', async () => {
    const asked: unknown[] = [];
    const gpus = await probeGpus(async (...call) => {
      asked.push(call);
      return 'NVIDIA A10G, 595.91.07, 23028 MiB, 8.6\n';
    });
    expect(gpus).toEqual([
      { name: 'NVIDIA A10G', driver: '595.91.07', memoryMib: 23_028, computeCapability: '8.6' },
    ]);
    expect(asked).toEqual([
      [
        'nvidia-smi',
        ['--query-gpu=name,driver_version,memory.total,compute_cap', '--format=csv,noheader'],
        { timeoutMs: 60_000, signal: undefined },
      ],
    ]);
  });

  it.each([
    ['finds none', ''],
    ['has no driver', 'No devices were found\n'],
    ['cannot tell the capability', 'Tesla T4, 595.91.07, 15360 MiB, [N/A]\n'],
    ['is newer than the libraries of CUDA 11', 'NVIDIA B200, 595.91.07, 183359 MiB, 10.0\n'],
    ['is older than the native library', 'Tesla K10, 470.1, 4096 MiB, 3.0\n'],
    ['has one good and one unfit', 'Tesla T4, 1.2, 1 MiB, 7.5\nNVIDIA B200, 1.2, 1 MiB, 12.0\n'],
  ])('refuses a machine that %s', async (_, answer) => {
    await expect(probeGpus(answering(answer))).rejects.toBeInstanceOf(UnfitError);
  });

  it('refuses a machine without the tool, and says what to look at', async () => {
    const missing: RunCommand = (_, args, limits) => runCommand('nvidia-smi-that-is-not-there', args, limits);
    const error = await probeGpus(missing).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnfitError);
    expect(error).toMatchObject({ hint: expect.stringContaining('nvidia-smi') });
  });
});

describe('a command of the machine', () => {
  it('answers with what was printed', async () => {
    await expect(runCommand('printf', ['%s', 'a b'], { timeoutMs: 5_000 })).resolves.toBe('a b');
  });

  it('rejects with what it said on its way out', async () => {
    await expect(runCommand('sh', ['-c', 'echo broken >&2; exit 3'], { timeoutMs: 5_000 })).rejects.toThrow(
      'sh: broken',
    );
  });

  it('is killed at its limit, and when nobody wants its answer any more', async () => {
    await expect(runCommand('sleep', ['60'], { timeoutMs: 20 })).rejects.toThrow();
    await expect(
      runCommand('sleep', ['60'], { timeoutMs: 60_000, signal: AbortSignal.abort() }),
    ).rejects.toThrow();
  });
});
