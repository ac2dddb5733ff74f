import { sha256Hex } from '../../../lib/base/digest.ts';
import { isFunction } from './sensor.ts';
import { isLayer, isTensor } from './state-kinds.ts';

/** Larger ones are data; what a program changes outside of its state and forgets is a scale, a mask, a mean. */
const elementsMax = 1 << 16;

/** Shape and digest. Data is read from the backend only where it is small. */
export function tensorWords(tensor: object): string {
  if (Reflect.get(tensor, 'isDisposed') === true) return 'a disposed tensor';
  const shape = `tensor [${String(Reflect.get(tensor, 'shape'))}]`;
  const size: unknown = Reflect.get(tensor, 'size');
  const read: unknown = Reflect.get(tensor, 'dataSync');
  if (typeof size !== 'number' || size > elementsMax || !isFunction(read)) return shape;
  const data = Reflect.apply(read, tensor, []);
  return ArrayBuffer.isView(data) ? `${shape} ${digestOf(data)}` : shape;
}

/** What stateful recurrent layers of a model keep from batch to batch, wrapped ones included: `lstm.states[0]` and its words. */
export function* recurrentStates(layer: object): Iterable<readonly [string, string]> {
  const states: unknown = Reflect.get(layer, 'states_');
  if (Reflect.get(layer, 'stateful') === true && Array.isArray(states)) {
    const name = String(Reflect.get(layer, 'name'));
    for (const [at, state] of states.entries())
      if (isTensor(state)) yield [`${name}.states[${at}]`, tensorWords(state)];
  }
  const inner: unknown = Reflect.get(layer, 'layers');
  const wrapped = ['layer', 'forwardLayer', 'backwardLayer'].map((key): unknown => Reflect.get(layer, key));
  for (const one of [...(Array.isArray(inner) ? inner : []), ...wrapped])
    if (isLayer(one)) yield* recurrentStates(one);
}

function digestOf(data: ArrayBufferView): string {
  return sha256Hex(Buffer.from(data.buffer, data.byteOffset, data.byteLength)).slice(0, 12);
}
