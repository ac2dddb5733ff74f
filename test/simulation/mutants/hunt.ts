import { Worker } from 'node:worker_threads';
import type { Violation } from '../invariants/happening.ts';
import { bundleSimulation } from './bundle-simulation.ts';
import type { Mutation } from './mutation.ts';

/** Seeds to try, in order. */
export interface Hunt {
  readonly first: number;
  readonly last: number;
}

/** A history has been told. */
export interface HuntMessage {
  readonly seed: number;
  readonly violations: readonly Violation[];
}

export interface Quarry {
  /** Histories that were told to their end. */
  readonly seeds: number;
  /** Of the first history that broke a rule. */
  readonly caught: HuntMessage | undefined;
  readonly elapsedMs: number;
}

/**
 * Tells histories of a product that is wrong in one way (or right, where no mutation is given) until a rule is broken, the
 * seeds are used up or the time is over. In a thread of its own, which ends with the hunt: a mutant may never come back.
 */
export async function hunt(
  mutation: Mutation | undefined,
  { budgetMs, ...seeds }: Hunt & { readonly budgetMs: number },
): Promise<Quarry> {
  const startedMs = performance.now();
  using bundle = await bundleSimulation(mutation);
  const told: HuntMessage[] = [];
  const thread = new Worker(bundle.file, { workerData: seeds, stdout: true, stderr: true });
  const over = setTimeout(() => void thread.terminate(), budgetMs);
  try {
    await new Promise<void>((resolve, reject) => {
      thread.on('message', (message: HuntMessage) => told.push(message));
      thread.on('error', reject);
      thread.on('exit', () => resolve());
    });
  } finally {
    clearTimeout(over);
    await thread.terminate();
  }
  return {
    seeds: told.length,
    caught: told.find(({ violations }) => violations.length > 0),
    elapsedMs: performance.now() - startedMs,
  };
}

/** A line of the list that a run of the mutants prints. */
export function describeQuarry(name: string, { seeds, caught, elapsedMs }: Quarry): string {
  const rules = caught?.violations.map(({ invariant }) => invariant).join(', ');
  const end = caught === undefined ? 'not caught' : `${rules} (seed ${caught.seed})`;
  return `${name} → ${end}; ${seeds} histories, ${(elapsedMs / 1_000).toFixed(1)} s`;
}
