import { messageOf, UnfitError } from '../lib/base/errors.ts';
import type { RunCommand } from './run-command.ts';

export interface Gpu {
  /** As NVIDIA names it: `Tesla T4`, `NVIDIA A10G`. */
  readonly name: string;
  readonly driver: string;
  readonly memoryMib: number;
  /** Major and minor: `8.6`. */
  readonly computeCapability: string;
}

/** A healthy driver answers within a second, a cold one within ten; one that hangs never does. */
const probeTimeoutMs = 60_000;

/**
 * Compute capabilities that the native library computes on: it holds code for 3.5 and later, and PTX of 8.0 that drivers
 * translate for 8.x and 9.0. From 10 (Blackwell) on there are no libraries of CUDA 11.
 */
const capabilities = { min: 3.5, below: 10 } as const;

const query = ['--query-gpu=name,driver_version,memory.total,compute_cap', '--format=csv,noheader'];

/**
 * Asks the driver for its GPUs, before any job is taken.
 * @throws UnfitError when none answers, or one cannot be used
 */
export async function probeGpus(run: RunCommand, signal?: AbortSignal): Promise<readonly Gpu[]> {
  const gpus = parseGpus(await ask(run, signal));
  if (gpus.length === 0) throw new UnfitError('the driver answers, but finds no GPU.');
  for (const { name, computeCapability } of gpus) {
    const capability = Number(computeCapability);
    if (capability >= capabilities.min && capability < capabilities.below) continue;
    throw new UnfitError('TensorFlow.js cannot compute on this GPU.', {
      facts: { gpu: name, computeCapability },
      hint: 'Use instance types with NVIDIA GPUs from Kepler to Hopper, as g4dn, g5, g6, p4 and p5.',
    });
  }
  return gpus;
}

async function ask(run: RunCommand, signal: AbortSignal | undefined): Promise<string> {
  try {
    return await run('nvidia-smi', query, { timeoutMs: probeTimeoutMs, signal });
  } catch (cause) {
    throw new UnfitError(`the GPU does not answer: ${messageOf(cause)}`, {
      cause,
      hint: 'Run nvidia-smi on the machine: the driver is missing, does not fit its kernel, or the GPU is broken.',
    });
  }
}

/** One GPU a line: `Tesla T4, 595.91.07, 15360 MiB, 7.5`. */
function parseGpus(answer: string): readonly Gpu[] {
  return answer
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [name = '', driver = '', memory = '', computeCapability = ''] = line
        .split(',')
        .map((part) => part.trim());
      const memoryMib = Number(/^(\d+) MiB$/.exec(memory)?.[1]);
      if (name === '' || !/^[\d.]+$/.test(driver) || !/^\d+\.\d+$/.test(computeCapability)) {
        throw new UnfitError('the driver does not tell what GPU this is.', { facts: { line } });
      }
      return { name, driver, memoryMib, computeCapability };
    });
}
