import type { BenchResult } from '../harness/judge.ts';
import type { Machine } from '../harness/machine.ts';

/** What `--json` prints. */
export interface BenchDocument {
  readonly schemaVersion: 1;
  readonly at: string;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly results: readonly BenchResult[];
}

const rank = ({ met }: BenchResult): number => (met === false ? 0 : met === null ? 1 : 2);

/** Rows in the order in which they are told: what is not met first, then what is not judged, then what is met. */
export function inOrderOfConcern(results: readonly BenchResult[]): readonly BenchResult[] {
  return results.toSorted((left, right) => rank(left) - rank(right));
}
