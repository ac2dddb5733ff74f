import type { Tensor, Variable } from '@tensorflow/tfjs';
import { UserProgramError } from '../../base/errors.ts';
import { encodeDocument } from '../../contract/parse-document.ts';
import { OptimizerSlots } from '../optimizer-slots.ts';
import type { LayerFields, LayerWeight, ModelFields } from '../private-fields.ts';
import type { SavedEntry, Wanted } from '../saved-entry.ts';
import { describe } from '../saved-entry.ts';
import { tensorOf } from '../saved-tensor.ts';
import { storedDtype } from '../tensor-data.ts';
import type { Entry, LiveTensor, StateKind } from './entry.ts';
import type { EntryContext } from './entry-context.ts';

export interface LayersOptions {
  readonly name: string;
  readonly kind: StateKind & ('model' | 'layers');
  readonly layers: readonly LayerFields[];
  /** A model whose compiled optimizer is in `state` through it. */
  readonly compiled?: ModelFields | undefined;
  readonly topologyOf?: ModelFields | undefined;
}

/**
 * A model or some layers: all weights (statistics of batch normalisation are weights), the states of stateful recurrent
 * layers, and a model's compiled optimizer. In layer order, since the order of `model.weights` depends on what is frozen.
 */
export function layersEntry(context: EntryContext, options: LayersOptions): Entry {
  const { name, kind, compiled } = options;
  const leaves = options.layers.flatMap(leavesOf);
  for (const { built, name: layer } of leaves) if (!built) throw notBuilt(name, layer);
  const weights = weightsOf(leaves);
  const recurrent = leaves.flatMap(recurrentIn);
  const slots = compiled === undefined ? undefined : compiledSlots(context, name, compiled);
  const topology = options.topologyOf === undefined ? undefined : topologyOf(options.topologyOf);
  const wantedOf = ({ originalName, val }: LayerWeight): Wanted => ({
    name: originalName,
    shape: val.shape,
    dtype: storedDtype(val.dtype, `${name}/${originalName}`),
  });
  return {
    name,
    kind,
    weights,
    ...(topology !== undefined && { topology }),
    capture() {
      const own = weights.map(({ originalName, val }): LiveTensor => ({ name: originalName, tensor: val }));
      const states = recurrent.flatMap((layer) =>
        (layer.states_ ?? []).map((tensor, index) => ({ name: stateName(layer, index), tensor })),
      );
      const optimizer = slots?.capture();
      return {
        tensors: [...own, ...states, ...(optimizer?.tensors ?? [])],
        document: optimizer === undefined ? {} : { optimizer: optimizer.document },
      };
    },
    plan(saved) {
      const actions = [
        ...weights.flatMap((weight) => planWeight(context, { weight, wanted: wantedOf(weight), saved })),
        ...recurrent.map((layer) => planStates(context, layer, saved)),
        planOptimizer({ name, slots, saved }),
      ];
      return () => {
        for (const action of actions) action();
      };
    },
    variables: () => [...weights.map(({ val }) => val), ...(slots?.variables() ?? [])],
    compatibility: () => ({
      tensors: Object.fromEntries(weights.map((weight) => [weight.originalName, describe(wantedOf(weight))])),
      ...(slots !== undefined && { optimizer: slots.compatibility() }),
    }),
  };
}

function compiledSlots(context: EntryContext, name: string, model: ModelFields): OptimizerSlots | undefined {
  const { optimizer } = model;
  if (optimizer === undefined || optimizer === null) return undefined;
  const trains = (model.model ?? model).collectedTrainableWeights ?? model.trainableWeights;
  return new OptimizerSlots({
    tf: context.tf,
    names: context.names,
    optimizer,
    name,
    prefix: 'optimizer/',
    trains: trains.map(({ val }) => val),
  });
}

function planWeight(
  { tf }: EntryContext,
  options: { readonly weight: LayerWeight; readonly wanted: Wanted; readonly saved: SavedEntry },
): (() => void)[] {
  const stored = options.saved.take(options.wanted);
  if (stored === undefined) return [];
  return [
    () => {
      const value = tensorOf(tf, stored);
      options.weight.val.assign(value);
      value.dispose();
    },
  ];
}

function planStates({ tf }: EntryContext, layer: LayerFields, saved: SavedEntry): () => void {
  const planned = (layer.states_ ?? []).map((state, index) => {
    const name = stateName(layer, index);
    return saved.take({ name, shape: state.shape, dtype: storedDtype(state.dtype, name) });
  });
  return () => {
    const states: readonly Tensor[] = layer.states_ ?? [];
    layer.states_ = states.map((state, index) => {
      const stored = planned[index];
      if (stored === undefined) return state;
      state.dispose();
      return tf.keep(tensorOf(tf, stored));
    });
  };
}

function planOptimizer(options: {
  readonly name: string;
  readonly slots: OptimizerSlots | undefined;
  readonly saved: SavedEntry;
}): () => void {
  const { name, slots, saved } = options;
  const document = saved.document?.optimizer;
  if (slots !== undefined && document !== undefined) return slots.plan(document, saved);
  if (slots !== undefined && !saved.keepsInitial('optimizer'))
    saved.differ(`${name}: the model is compiled here, it was not in the checkpoint`);
  if (slots === undefined && document !== undefined && !saved.keepsInitial('optimizer')) {
    saved.differ(`${name}: the model was compiled with ${document.class} in the checkpoint, it is not here`);
    saved.ignore('optimizer/');
  }
  return () => {};
}

function leavesOf(layer: LayerFields): readonly LayerFields[] {
  return layer.layers === undefined ? [layer] : layer.layers.flatMap(leavesOf);
}

/** A layer that is used twice counts once; different weights of one name are found when names are checked. */
function weightsOf(leaves: readonly LayerFields[]): readonly LayerWeight[] {
  const seen = new Map<Variable, LayerWeight>();
  for (const weight of leaves.flatMap((leaf) => leaf.weights))
    if (!seen.has(weight.val)) seen.set(weight.val, weight);
  return [...seen.values()];
}

/** Stateful recurrent layers, also inside wrappers. */
function recurrentIn(layer: LayerFields): readonly LayerFields[] {
  const inner = [layer.layer, layer.forwardLayer, layer.backwardLayer].flatMap((wrapped) =>
    wrapped === undefined ? [] : leavesOf(wrapped).flatMap(recurrentIn),
  );
  return 'states_' in layer && layer.stateful === true ? [layer, ...inner] : inner;
}

function stateName(layer: LayerFields, index: number): string {
  return `${layer.name}/state${index}`;
}

/** Without versions, so that equal state means equal files. A model that cannot describe itself has none: nothing here reads it. */
function topologyOf(model: ModelFields): Uint8Array | undefined {
  try {
    const { class_name, config } = model.toJSON(null, false);
    return encodeDocument({ class_name, config });
  } catch {
    return undefined;
  }
}

function notBuilt(name: string, layer: string): UserProgramError {
  return new UserProgramError(`state ${name}: the layer ${layer} has no weights yet.`, {
    hint: 'Give the first layer an inputShape, or call build() in setup.',
  });
}
