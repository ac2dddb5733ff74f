/**
 * The one place where types are believed instead of proved. TensorFlow.js keeps what exact state needs (optimizer slots,
 * states of recurrent layers, the engine's table of tensors) in private or loosely typed fields. Seen in 4.22.
 */
import type { Optimizer, Tensor, Variable } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';

/** `value`, seen as a type that only a look into TensorFlow.js can vouch for. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
export function seenAs<Type>(value: unknown): Type {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return value as Type;
}

/** `LayerVariable` of tfjs-layers. */
export interface LayerWeight {
  /** The name before a suffix made it unique in the process: what stays the same from process to process. */
  readonly originalName: string;
  /** Assigned directly: `write` would apply the weight's constraint once more, which changes bits. */
  readonly val: Variable;
}

/** A layer or model, with the fields that some kinds have. */
export interface LayerFields {
  readonly name: string;
  readonly built: boolean;
  readonly weights: readonly LayerWeight[];
  readonly trainableWeights: readonly LayerWeight[];
  /** Containers. */
  readonly layers?: readonly LayerFields[];
  /** Wrappers. */
  readonly layer?: LayerFields;
  readonly forwardLayer?: LayerFields;
  readonly backwardLayer?: LayerFields;
  readonly stateful?: boolean;
  /** Recurrent layers. */
  states_?: Tensor[] | null;
}

export interface ModelFields extends LayerFields {
  readonly optimizer?: Optimizer;
  /** What `trainOnBatch` trains: fixed by `compile`. */
  readonly collectedTrainableWeights?: readonly LayerWeight[];
  /** A sequential model trains through a functional one. */
  readonly model?: ModelFields;
  toJSON(unused: null, returnString: false): { readonly class_name: unknown; readonly config: unknown };
}

export interface SlotVariable {
  /** The variable's name, a slash, and the kind of slot. */
  readonly originalName: string;
  readonly variable: Variable;
}

/** An optimizer's own fields: numbers, kept tensors, variables, and lists of slots. */
export type OptimizerFields = Record<string, unknown>;

interface EngineState {
  readonly tensorInfo: WeakMap<object, { readonly backend: HoldingBackend }>;
}
export interface EngineFields {
  readonly state: EngineState;
  readonly registeredVariables: Readonly<Record<string, Variable>>;
  /** Forgets data that its backend has disposed. */
  removeDataId(dataId: object, backend: HoldingBackend): void;
}
/** What every backend offers for sharing the data of a tensor. */
export interface HoldingBackend {
  incRef(dataId: object): void;
  /** One owner less. True when it was the last and the memory is free. */
  disposeData(dataId: object): boolean;
  readSync(dataId: object): ArrayLike<number>;
}

/** The native backend keeps data on a device, or in memory that only its library reaches. */
export function isNativeBackend(backend: object): boolean {
  return 'binding' in backend;
}

/** The wasm backend has its data on a heap of its own. */
export function isWasmBackend(backend: object): backend is BackendWasm {
  return 'typedArrayFromHeap' in backend && 'getMemoryOffset' in backend;
}
