import type { Optimizer, Variable } from '@tensorflow/tfjs';
import { UserProgramError } from '../base/errors.ts';
import type { Stateful, Training } from '../training/define-training.ts';
import { isTypedArray } from '../training/plain-values.ts';
import type { TensorFlow } from './backend.ts';
import { aliasEntry } from './entries/alias-entry.ts';
import type { Entry } from './entries/entry.ts';
import type { EntryContext } from './entries/entry-context.ts';
import { layersEntry } from './entries/layers-entry.ts';
import { optimizerEntry } from './entries/optimizer-entry.ts';
import { typedArrayEntry } from './entries/typed-array-entry.ts';
import { plainEntry, statefulEntry } from './entries/value-entry.ts';
import { variablesEntry } from './entries/variables-entry.ts';
import { type EngineFields, type LayerFields, type ModelFields, seenAs } from './private-fields.ts';
import { VariableNames } from './variable-names.ts';

/** State names become file names. */
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/;
const recognised =
  'a layers model, layers, an optimizer, variables, a typed array, an object with save() and load(), or a plain object';

/**
 * Opens every entry of the program's `state`, each recognised by what it can do, so that any copy of TensorFlow.js fits.
 * @throws UserProgramError for what is none of the kinds, names that cannot be file names, and layers without weights
 */
export function stateEntries(tf: TensorFlow, state: Training['state']): readonly Entry[] {
  const engine: EngineFields = seenAs(tf.engine());
  const entries: Entry[] = [];
  // Where every object was first seen; a compiled optimizer is seen with its model.
  const owners = new Map<unknown, string>();
  let names: VariableNames | undefined;
  const context: EntryContext = {
    tf,
    names: () =>
      (names ??= new VariableNames(
        engine,
        entries.flatMap(({ weights }) => weights),
      )),
  };
  for (const [name, value] of Object.entries(state)) {
    if (!namePattern.test(name)) {
      throw new UserProgramError(`the state name ${JSON.stringify(name)} cannot be the name of a file.`, {
        hint: 'Use up to 100 letters, digits, dots, dashes and underscores.',
      });
    }
    const owner = owners.get(value);
    entries.push(owner === undefined ? openEntry(context, { name, value, owners }) : aliasEntry(name, owner));
    if (owner === undefined) owners.set(value, name);
  }
  return entries;
}

interface Named {
  readonly name: string;
  readonly value: unknown;
  readonly owners: Map<unknown, string>;
}

function openEntry(context: EntryContext, { name, value, owners }: Named): Entry {
  if (isTypedArray(value)) return typedArrayEntry(name, value);
  if (isStateful(value)) return statefulEntry(name, value);
  if (isModel(value)) return modelEntry(context, { name, model: value, owners });
  if (isLayer(value)) return layersEntry(context, { name, kind: 'layers', layers: [value] });
  if (isOptimizer(value)) return optimizerEntry(context, name, value);
  if (isVariable(value)) return variablesEntry(context, name, [value]);
  if (Array.isArray(value)) return listEntry(context, name, value);
  if (isPlainObject(value)) return plainEntry(name, value);
  throw new UserProgramError(`state ${name} is ${nameOf(value)}; it must be ${recognised}.`);
}

function modelEntry(
  context: EntryContext,
  options: { readonly name: string; readonly model: ModelFields; readonly owners: Map<unknown, string> },
): Entry {
  const { name, model, owners } = options;
  const { optimizer } = model;
  const isOurs = optimizer !== undefined && optimizer !== null && !owners.has(optimizer);
  if (isOurs) owners.set(optimizer, `${name}.optimizer`);
  return layersEntry(context, {
    name,
    kind: 'model',
    layers: [model],
    compiled: isOurs ? model : undefined,
    topologyOf: model,
  });
}

function listEntry(context: EntryContext, name: string, list: readonly unknown[]): Entry {
  if (list.every(isVariable)) return variablesEntry(context, name, list);
  if (!list.every(isLayer))
    throw new UserProgramError(`state ${name} is a list of neither variables nor layers alone.`);
  const compiled = list.find((layer) => isModel(layer) && Boolean(layer.optimizer));
  if (compiled !== undefined) {
    throw new UserProgramError(
      `state ${name} lists the compiled model ${compiled.name} among other layers.`,
      {
        hint: 'Give each compiled model a state name of its own: its optimizer belongs to it.',
      },
    );
  }
  return layersEntry(context, { name, kind: 'layers', layers: list });
}

function has(value: unknown, ...methods: readonly string[]): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    methods.every((method) => typeof Reflect.get(value, method) === 'function')
  );
}

function isStateful(value: unknown): value is Stateful {
  return has(value, 'save', 'load');
}

function isModel(value: unknown): value is ModelFields {
  return isLayer(value) && Array.isArray(value.layers) && has(value, 'trainOnBatch');
}

function isLayer(value: unknown): value is LayerFields {
  return has(value, 'apply', 'countParams') && 'weights' in value && Array.isArray(value.weights);
}

function isOptimizer(value: unknown): value is Optimizer {
  return has(value, 'applyGradients', 'getClassName');
}

function isVariable(value: unknown): value is Variable {
  return has(value, 'assign', 'dispose') && 'dataId' in value && 'dtype' in value;
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function nameOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : `a ${typeof value}`;
  if ('dataId' in value) return 'a tensor that is not a variable';
  return `an instance of ${value.constructor.name}`;
}
