import type { TensorFlow } from '../backend.ts';
import type { VariableNames } from '../variable-names.ts';

export interface EntryContext {
  readonly tf: TensorFlow;
  /** Of all variables of the program; complete only when every entry has been opened. */
  readonly names: () => VariableNames;
}
