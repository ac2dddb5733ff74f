import { Worker } from 'node:worker_threads';
import { bundleSimulation } from './bundle-simulation.ts';
import type { Hunt, HuntMessage } from './hunt-thread.ts';
import type { Mutation } from './mutation.ts';

export interface Quarry {
  /** Histories that were told to their end. */
  readonly histories: number;
  /** The first history that broke a rule. */
  readonly caught: HuntMessage | undefined;
  /** False when the time was over before the seeds were. */
  readonly isComplete: boolean;
  readonly elapsedMs: number;
}

/**
 * Tells histories of a product that is wrong in one way (or right, where no mutation is given) until a rule is broken, the
 * seeds are used up or the time is over. In a thread of its own, which ends with the hunt: a mutant may never come back.
 */
export async function hunt(
  mutation: Mutation | undefined,
  { seeds, budgetMs }: Hunt & { readonly budgetMs: number },
): Promise<Quarry> {
  const startedMs = performance.now();
  using bundle = await bundleSimulation(mutation);
  const told: HuntMessage[] = [];
  const thread = new Worker(bundle.file, {
    workerData: { seeds } satisfies Hunt,
    stdout: true,
    stderr: true,
  });
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
  const caught = told.find(({ violations }) => violations.length > 0);
  return {
    histories: told.length,
    caught,
    isComplete: caught !== undefined || told.length === seeds.length,
    elapsedMs: performance.now() - startedMs,
  };
}

/** A line of the list that a run of the mutants prints: mutation → rules that noticed, seeds needed. */
export function describeQuarry(name: string, { histories, caught, isComplete, elapsedMs }: Quarry): string {
  const rules = [...new Set(caught?.violations.map(({ invariant }) => invariant))].join(', ');
  const end =
    caught === undefined
      ? `nothing${isComplete ? '' : ' before the time was over'}`
      : `${rules} (seed ${caught.seed}: ${caught.violations[0]?.what.split('\n')[0]})`;
  return `${name} → ${end}; ${histories} histories, ${(elapsedMs / 1_000).toFixed(1)} s`;
}
