import type { Training } from '../../../lib/training/define-training.ts';

/** Whether an object offers all of these functions. */
export function offers(value: unknown, ...methods: readonly string[]): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    methods.every((method) => typeof Reflect.get(value, method) === 'function')
  );
}

export const isTensor = (value: unknown): value is object => offers(value, 'dataSync', 'dispose');
export const isOptimizer = (value: unknown): value is object =>
  offers(value, 'applyGradients', 'getClassName');
export const isLayer = (value: unknown): value is object => offers(value, 'apply', 'countParams');

/** What kind of thing stands under each name of `state`, as a person would call it. */
export function stateKinds(state: Training['state']): Record<string, string> {
  return Object.fromEntries(Object.entries(state).map(([name, value]) => [name, kindOf(value)]));
}

function kindOf(value: unknown): string {
  if (ArrayBuffer.isView(value)) return 'array';
  if (offers(value, 'save', 'load') && !isLayer(value)) return 'Stateful';
  if (isLayer(value)) return offers(value, 'trainOnBatch') ? 'model' : 'layer';
  if (isOptimizer(value)) return 'optimizer';
  if (isTensor(value)) return 'variable';
  if (Array.isArray(value)) return value.every(isTensor) ? 'variables' : 'layers';
  return 'object';
}

/** Everything that checkpoints hold, by identity, with the name under which they do. */
export function savedObjects(state: Training['state']): Map<unknown, string> {
  const saved = new Map<unknown, string>();
  for (const [name, value] of Object.entries(state)) addSaved(saved, name, value);
  return saved;
}

function addSaved(saved: Map<unknown, string>, name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || saved.has(value)) return;
  saved.set(value, name);
  if (Array.isArray(value)) for (const item of value) addSaved(saved, name, item);
  if (!isLayer(value)) return;
  const optimizer: unknown = Reflect.get(value, 'optimizer');
  addSaved(saved, `${name}.optimizer`, optimizer);
  const layers: unknown = Reflect.get(value, 'layers');
  addSaved(saved, name, Array.isArray(layers) ? layers : undefined);
  for (const wrapped of ['layer', 'forwardLayer', 'backwardLayer', 'model'])
    addSaved(saved, name, Reflect.get(value, wrapped));
  for (const weight of weightsOf(value)) addSaved(saved, name, weight);
}

function weightsOf(layer: object): readonly unknown[] {
  const weights: unknown = Reflect.get(layer, 'weights');
  return Array.isArray(weights)
    ? weights.map((weight: unknown) => (isObject(weight) ? Reflect.get(weight, 'val') : undefined))
    : [];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
