import type { Runtime } from '../../lib/contract/manifest.ts';
import { probeGpus } from '../gpu-probe.ts';
import { runCommand, type RunCommand } from '../run-command.ts';

/** Beside `setup`, which takes longer; what is not known by then is not waited for. */
const patienceMs = 10_000;

/** Bytes of the GPU that a runtime computes on; undefined without one, or where the driver does not say. Never fails. */
export async function gpuMemory(
  { versions }: Pick<Runtime, 'versions'>,
  run: RunCommand = runCommand,
): Promise<number | undefined> {
  if (!('tfjs-node-gpu' in versions)) return undefined;
  try {
    const [first] = await probeGpus(run, AbortSignal.timeout(patienceMs));
    return first === undefined ? undefined : first.memoryMib * 1024 * 1024;
  } catch {
    // Whether a snapshot fits beside training is then not known, as on any other device that does not tell.
    return undefined;
  }
}
