import type { Variable } from '@tensorflow/tfjs';
import type { EngineFields, LayerWeight } from './private-fields.ts';

/**
 * Names of variables that are the same in every process. tfjs-layers makes a name unique by a suffix that counts what
 * was built before; a weight of a registered layer therefore goes by the name before that, unless two registered
 * weights share it.
 */
export class VariableNames {
  readonly #engine: EngineFields;
  readonly #stable = new Map<string, string>();
  readonly #weights = new Map<string, Variable>();

  constructor(engine: EngineFields, weights: readonly LayerWeight[]) {
    this.#engine = engine;
    const shared = repeated(weights);
    for (const { originalName, val } of weights) {
      if (shared.has(originalName)) continue;
      this.#stable.set(val.name, originalName);
      this.#weights.set(originalName, val);
    }
  }

  /** The stable name of the variable that is called `name` in this process. */
  of(name: string): string {
    return this.#stable.get(name) ?? name;
  }

  /** The variable of a stable name. */
  find(stable: string): Variable | undefined {
    return this.#weights.get(stable) ?? this.#engine.registeredVariables[stable];
  }
}

function repeated(weights: readonly LayerWeight[]): ReadonlySet<string> {
  const variables = new Map<string, Variable>();
  const shared = new Set<string>();
  for (const { originalName, val } of weights) {
    const known = variables.get(originalName);
    if (known !== undefined && known !== val) shared.add(originalName);
    variables.set(originalName, val);
  }
  return shared;
}
