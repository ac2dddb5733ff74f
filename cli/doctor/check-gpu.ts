import { probeGpus } from '../../job/gpu-probe.ts';
import type { RunCommand } from '../../job/run-command.ts';
import { type Check, fail, pass, skip } from '../../lib/client/doctor/check.ts';

/** GPUs of this machine, by the same probe that an instance makes before it takes work; skipped where there is no driver. */
export function checkGpu(run: RunCommand, hasDriver: () => Promise<boolean>): Check {
  return {
    name: 'gpu',
    async run(signal) {
      if (!(await hasDriver())) return skip('no NVIDIA driver on this machine');
      const gpus = await probeGpus(run, signal);
      const [first] = gpus;
      if (first === undefined) return fail('the driver finds no GPU', 'run nvidia-smi');
      const { name, driver, memoryMib, computeCapability } = first;
      return pass(
        `${gpus.length} × ${name}, ${Math.round(memoryMib / 1_024)} GiB, compute capability ${computeCapability}, driver ${driver}`,
      );
    },
  };
}
