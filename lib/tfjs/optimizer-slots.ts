/**
 * The state of an optimizer, field by field. TensorFlow.js's own `getWeights`/`setWeights` is not exact: it recomputes the
 * running products of Adam's betas instead of restoring them, and Adamax has none at all.
 */
import type { Optimizer, Tensor, Variable } from '@tensorflow/tfjs';
import { UserProgramError } from '../base/errors.ts';
import type { StateEntryDocument } from '../contract/trainer-document.ts';
import { decodePlain, encodePlain } from '../training/plain-values.ts';
import type { TensorFlow } from './backend.ts';
import type { LiveTensor } from './entries/entry.ts';
import { type OptimizerFields, seenAs, type SlotVariable } from './private-fields.ts';
import type { SavedEntry } from './saved-entry.ts';
import { type SavedTensor, tensorOf } from './saved-tensor.ts';
import { storedDtype } from './tensor-data.ts';
import type { VariableNames } from './variable-names.ts';

export type OptimizerDocument = NonNullable<StateEntryDocument['optimizer']>;

export interface OptimizerSlotsOptions {
  readonly tf: TensorFlow;
  readonly optimizer: Optimizer;
  /** Of the state entry, for messages. */
  readonly name: string;
  /** Of the tensors in the entry's file: `optimizer/` for a compiled model's. */
  readonly prefix: string;
  readonly names: () => VariableNames;
  /** Variables that a compiled model trains, in order. */
  readonly trains?: readonly Variable[];
}

/** Kept scalars that repeat a number: whoever decides on the number decides on them. */
const repeats: Readonly<Record<string, string>> = { c: 'learningRate', m: 'momentum' };
/** Restored by itself: it is no setting, and the getter writes it. */
const iterationsField = 'iterations_';

type Scalars = Readonly<Record<string, number | boolean | string>>;

export class OptimizerSlots {
  readonly #options: OptimizerSlotsOptions;
  readonly #fields: OptimizerFields;
  /** Settings as `setup` made them. */
  readonly #initial: Scalars;

  constructor(options: OptimizerSlotsOptions) {
    this.#options = options;
    this.#fields = seenAs(options.optimizer);
    for (const [field, value] of Object.entries(this.#fields)) this.#refuseUnknown(field, value);
    this.#initial = this.#settings();
  }

  capture(): { readonly tensors: readonly LiveTensor[]; readonly document: OptimizerDocument } {
    const { optimizer, prefix, trains, names } = this.#options;
    const tensors: LiveTensor[] = [];
    for (const [field, tensor] of this.#tensors()) tensors.push({ name: `${prefix}${field}`, tensor });
    const slots: Record<string, string[]> = {};
    for (const [field, list] of this.#lists()) {
      slots[field] = Array.from(list, (slot) => {
        if (slot === undefined) return '';
        const name = this.#stableName(slot);
        tensors.push({ name: `${prefix}${field}/${name}`, tensor: slot.variable });
        return name;
      });
    }
    const document = {
      class: optimizer.getClassName(),
      iterations: optimizer.iterations,
      initial: this.#encoded(this.#initial),
      numbers: this.#encoded(this.#settings()),
      slots,
      ...(trains !== undefined && { trains: trains.map(({ name }) => names().of(name)) }),
    };
    return { tensors, document };
  }

  /**
   * Settings are merged three ways: where `setup` now gives another value than it gave when the checkpoint was written,
   * the program's stands; otherwise the checkpoint's. Slots, running products and iterations are the checkpoint's.
   */
  plan(document: OptimizerDocument, saved: SavedEntry): () => void {
    const { optimizer, name } = this.#options;
    const unfit = this.#unfit(document);
    if (unfit !== undefined) {
      if (saved.keepsInitial(this.#options.prefix.replace(/\/$/, ''))) return () => {};
      saved.differ(`${name}: ${unfit}`);
      saved.ignore(this.#options.prefix);
      return () => {};
    }
    const wasInitially = document.initial;
    const isTheCheckpoints = (setting: string): boolean =>
      Object.is(decodePlain(wasInitially[setting]), this.#initial[setting]);
    const actions = [...this.#planTensors(saved, isTheCheckpoints), ...this.#planSlots(document, saved)];
    return () => {
      for (const [setting, value] of Object.entries(document.numbers)) {
        if (setting in this.#initial && isTheCheckpoints(setting)) this.#fields[setting] = decodePlain(value);
      }
      for (const action of actions) action();
      seenAs<OptimizerFields>(optimizer)[iterationsField] = document.iterations;
    };
  }

  variables(): readonly Variable[] {
    const own = [...this.#tensors()].flatMap(([, tensor]) => (isVariable(tensor) ? [tensor] : []));
    const slots = [...this.#lists()].flatMap(([, list]) =>
      list.flatMap((slot) => (slot === undefined ? [] : [slot.variable])),
    );
    return [...own, ...slots];
  }

  compatibility(): Readonly<Record<string, unknown>> {
    const { optimizer, trains, names } = this.#options;
    return {
      class: optimizer.getClassName(),
      slots: [...this.#lists()].map(([field]) => field),
      ...(trains !== undefined && { trains: trains.map(({ name }) => names().of(name)) }),
    };
  }

  /** Why the saved optimizer is another one, in words. */
  #unfit(document: OptimizerDocument): string | undefined {
    const here = this.#options.optimizer.getClassName();
    if (document.class !== here) return `the optimizer is ${here} here, ${document.class} in the checkpoint`;
    const fields = [...this.#lists()].map(([field]) => field).join(', ');
    const savedFields = Object.keys(document.slots).join(', ');
    if (fields !== savedFields)
      return `the optimizer keeps the slots ${fields} here, ${savedFields} in the checkpoint`;
    if (this.#isRetrained(document)) return undefined;
    const missing = Object.values(document.slots)
      .flat()
      .filter((slot) => slot !== '' && this.#options.names().find(variableOf(slot)) === undefined);
    const names = [...new Set(missing.map(variableOf))].join(', ');
    return missing.length === 0
      ? undefined
      : `the optimizer has slots for variables that the program has not: ${names}`;
  }

  *#tensors(): Iterable<readonly [string, Tensor]> {
    for (const [field, value] of Object.entries(this.#fields)) if (isTensor(value)) yield [field, value];
  }

  *#lists(): Iterable<readonly [string, readonly (SlotVariable | undefined)[]]> {
    for (const [field, value] of Object.entries(this.#fields)) {
      if (Array.isArray(value)) yield [field, seenAs(value)];
    }
  }

  #settings(): Scalars {
    const settings: Record<string, number | boolean | string> = {};
    for (const [field, value] of Object.entries(this.#fields)) {
      if (field === iterationsField) continue;
      if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string')
        settings[field] = value;
    }
    return settings;
  }

  #encoded(settings: Scalars): Record<string, unknown> {
    const at = `the optimizer of state ${this.#options.name}`;
    return Object.fromEntries(
      Object.entries(settings).map(([field, value]) => [field, encodePlain(value, { at })]),
    );
  }

  #stableName(slot: SlotVariable): string {
    const variable = variableOf(slot.originalName);
    return `${this.#options.names().of(variable)}${slot.originalName.slice(variable.length)}`;
  }

  *#planTensors(saved: SavedEntry, isTheCheckpoints: (setting: string) => boolean): Iterable<() => void> {
    const { prefix, name, tf } = this.#options;
    for (const [field, tensor] of this.#tensors()) {
      const wanted = {
        name: `${prefix}${field}`,
        shape: tensor.shape,
        dtype: storedDtype(tensor.dtype, name),
      };
      const stored = saved.take(wanted);
      const repeated = repeats[field];
      if (stored === undefined || (repeated !== undefined && !isTheCheckpoints(repeated))) continue;
      yield () => {
        const value = tensorOf(tf, stored);
        if (isVariable(tensor)) {
          tensor.assign(value);
          value.dispose();
        } else {
          tensor.dispose();
          this.#fields[field] = tf.keep(value);
        }
      };
    }
  }

  *#planSlots(document: OptimizerDocument, saved: SavedEntry): Iterable<() => void> {
    const { trains = [], names, tf } = this.#options;
    for (const [field, list] of this.#lists()) {
      const savedSlots = document.slots[field] ?? [];
      // The list follows the order of the gradients. That order is the checkpoint's, unless another set is trained now.
      const kind = /\/[^/]*$/.exec(savedSlots.find((slot) => slot !== '') ?? '')?.[0];
      const wanted =
        this.#isRetrained(document) && kind !== undefined
          ? trains.map((variable) => `${names().of(variable.name)}${kind}`)
          : savedSlots;
      const slots = wanted.map((slot) => this.#planSlot({ field, slot, saved }));
      yield () => {
        for (const slot of list) slot?.variable.dispose();
        // A place without a saved slot stays empty: the optimizer makes its own there in the next step.
        this.#fields[field] = slots.map((slot) => slot && restoredSlot(tf, slot));
      };
    }
  }

  #planSlot(options: {
    readonly field: string;
    readonly slot: string;
    readonly saved: SavedEntry;
  }): PlannedSlot | undefined {
    const { field, slot, saved } = options;
    const { prefix, names, name } = this.#options;
    const variable = slot === '' ? undefined : names().find(variableOf(slot));
    if (variable === undefined) return undefined;
    const stored = saved.take({
      name: `${prefix}${field}/${slot}`,
      shape: variable.shape,
      dtype: storedDtype(variable.dtype, name),
    });
    const originalName = `${variable.name}${slot.slice(variableOf(slot).length)}`;
    return stored && { originalName, stored };
  }

  #isRetrained(document: OptimizerDocument): boolean {
    const { trains, names } = this.#options;
    if (trains === undefined || document.trains === undefined) return false;
    return JSON.stringify(trains.map(({ name }) => names().of(name))) !== JSON.stringify(document.trains);
  }

  #refuseUnknown(field: string, value: unknown): void {
    if (typeof value !== 'object' || value === null || isTensor(value)) return;
    if (Array.isArray(value) && value.every(isSlotOrNothing)) return;
    const { optimizer, name } = this.#options;
    throw new UserProgramError(
      `state ${name}: the optimizer ${optimizer.getClassName()} keeps \`${field}\`, which is neither a number, a tensor nor a list of slots.`,
      { hint: 'Give the optimizer save() and load() methods.' },
    );
  }
}

interface PlannedSlot {
  readonly originalName: string;
  readonly stored: SavedTensor;
}

function restoredSlot(tf: TensorFlow, { originalName, stored }: PlannedSlot): SlotVariable {
  const value = tensorOf(tf, stored);
  const variable = tf.variable(value, false);
  value.dispose();
  return { originalName, variable };
}

/** `conv1/kernel` of the slot `conv1/kernel/m`. */
function variableOf(slot: string): string {
  return slot.slice(0, Math.max(0, slot.lastIndexOf('/')));
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'dataId' in value && 'dtype' in value;
}

function isVariable(tensor: Tensor): tensor is Variable {
  return 'assign' in tensor && typeof tensor.assign === 'function';
}

function isSlotOrNothing(item: unknown): boolean {
  if (item === undefined || item === null) return true;
  return typeof item === 'object' && 'originalName' in item && 'variable' in item;
}
