import type { Variable } from '@tensorflow/tfjs';
import type { EngineFields } from './private-fields.ts';

/**
 * Finds variables that change although they are not in `state`: they would start anew after an interruption. Data of
 * tensors is never written in place, so a change shows as another data id; only those are compared.
 */
export class ForgottenVariables {
  readonly #engine: EngineFields;
  #known = new WeakMap<Variable, object>();

  constructor(engine: EngineFields) {
    this.#engine = engine;
  }

  /** What changed since the last call, as `counter [3]`; the first call takes the base line. */
  find(registered: ReadonlySet<Variable>): readonly string[] {
    const changed: string[] = [];
    const known = new WeakMap<Variable, object>();
    for (const variable of Object.values(this.#engine.registeredVariables)) {
      if (registered.has(variable)) continue;
      const before = this.#known.get(variable);
      if (before !== undefined && before !== variable.dataId)
        changed.push(`${variable.name} [${variable.shape.join(', ')}]`);
      known.set(variable, variable.dataId);
    }
    this.#known = known;
    return changed;
  }
}
