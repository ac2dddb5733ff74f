import type * as tf from '@tensorflow/tfjs';
import { type LayerFields, seenAs } from './private-fields.ts';

/** The trainable variables of models or layers, in layer order: what to give to `minimize`. */
export function variablesOf(
  ...models: readonly (tf.layers.Layer | { readonly layers?: readonly tf.layers.Layer[] })[]
): tf.Variable[] {
  return models.flatMap((model) => trainableIn(seenAs(model)));
}

function trainableIn(layer: LayerFields): tf.Variable[] {
  return layer.layers === undefined
    ? layer.trainableWeights.map(({ val }) => val)
    : layer.layers.flatMap(trainableIn);
}
