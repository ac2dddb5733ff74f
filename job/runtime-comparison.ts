import { compatibilityWarnings } from '../lib/checkpoint/compare.ts';
import type { Runtime } from '../lib/contract/manifest.ts';

/**
 * Bits are promised for one backend, version and architecture. A resume on another one is told, and not refused. What wrote
 * the checkpoint and what goes on from it are learned at different times, in either order.
 */
export class RuntimeComparison {
  readonly #tell: (warning: string) => void;
  #saved: Runtime | undefined;
  #running: Runtime | undefined;

  constructor(tell: (warning: string) => void) {
    this.#tell = tell;
  }

  savedBy(runtime: Runtime): void {
    this.#saved = runtime;
    this.#compare();
  }

  runsOn(runtime: Runtime): void {
    this.#running = runtime;
    this.#compare();
  }

  #compare(): void {
    if (this.#saved === undefined || this.#running === undefined) return;
    for (const warning of compatibilityWarnings(this.#saved, this.#running)) {
      this.#tell(`results may differ in the last bits: ${warning}`);
    }
  }
}
