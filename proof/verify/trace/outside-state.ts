import type { TrainingSight } from '../../../job/trainer/onlookers.ts';
import { describedData, describedInWords, isPlainData, isPlainObject } from './described-value.ts';
import { ScopeInspector } from './scope-inspector.ts';
import { recurrentStates, tensorWords } from './seen-tensors.ts';
import { isFunction } from './sensor.ts';
import { isLayer, isOptimizer, isTensor, savedObjects, offers } from './state-kinds.ts';
import type { Seen } from './trace-record.ts';

/** A program has tens of functions and values; beyond this it builds structures that nobody could name. */
const functionsMax = 120;
const valuesMax = 2_000;
const depthMax = 6;

/** What bundling adds, and the packages that the host lends. */
const notTheProgram = /^(?:__|require_|import_|holdfast)|_default\d*$/;

/**
 * What the functions of a program see outside of its `state`: variables around them, fields of their objects, positions of
 * generators, and also what lies inside of a `Stateful`. These are what a resumed process has otherwise where a program
 * forgets something.
 */
export class OutsideState {
  readonly #inspector = new ScopeInspector();
  readonly #scripts = new WeakMap<object, string | undefined>();

  /** Values by name: `calls`, `reader.#next`, `batches.position`. */
  look({ program, training }: TrainingSight): Map<string, Seen> {
    const setup: unknown = Reflect.get(program, 'setup');
    const script = isFunction(setup) ? this.#scriptOf(setup) : undefined;
    const saved = savedObjects(training.state);
    const walk = new Walk({
      inspector: this.#inspector,
      saved,
      isOurs: (value) => this.#scriptOf(value) === script,
    });
    for (const root of rootsOf(program, training)) walk.enter(root);
    for (const [name, value] of Object.entries(training.state))
      if (offers(value, 'save', 'load') && !isLayer(value)) walk.openObject(value, name, 0);
    for (const part of saved.keys()) if (isLayer(part)) walk.openLayer(part);
    walk.finish();
    return walk.values;
  }

  /** A function stays in its file. */
  #scriptOf(value: object): string | undefined {
    if (!this.#scripts.has(value)) this.#scripts.set(value, this.#inspector.scriptOf(value));
    return this.#scripts.get(value);
  }
}

/** What the runtime calls, in the order in which it does. */
function rootsOf(program: object, training: TrainingSight['training']): readonly object[] {
  const roots: unknown[] = [
    Reflect.get(training, 'step'),
    training.data && Reflect.get(training.data, 'load'),
    Reflect.get(training, 'evaluate'),
    Reflect.get(program, 'setup'),
  ];
  return roots.filter(isFunction);
}

interface WalkOptions {
  readonly inspector: ScopeInspector;
  /** Objects that `state` holds, with their names in it. */
  readonly saved: ReadonlyMap<unknown, string>;
  /** The function or generator is written in the program's file. */
  readonly isOurs: (value: object) => boolean;
}

/** One look at everything, always in the same order, so that names fit those of other processes. */
class Walk {
  readonly values = new Map<string, Seen>();
  readonly #options: WalkOptions;
  readonly #functions = new Set<object>();
  readonly #seen = new Set<object>();

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  /** A function that the program gave: looked into wherever it is written. */
  enter(root: object): void {
    this.#functions.add(root);
  }

  /** Looks into every function that was found, and into those found on the way. */
  finish(): void {
    for (const found of this.#functions) {
      if (this.#functions.size > functionsMax) return;
      for (const { variables } of this.#options.inspector.scopesOf(found))
        for (const [name, value] of Object.entries(variables))
          if (!notTheProgram.test(name)) this.#visit(value, name, 0);
    }
  }

  /** The inside of an object that functions go with. */
  openObject(value: object, name: string, depth: number): void {
    this.#seen.add(value);
    const fields = { ...value, ...this.#options.inspector.privateFieldsOf(value) };
    for (const [key, field] of Object.entries(fields)) this.#visit(field, `${name}.${key}`, depth + 1);
    for (const method of methodsOf(value)) this.#found(method);
  }

  /** Of a class that the program has written, what is no weight: a checkpoint holds none of it. */
  openLayer(layer: object): void {
    if (!this.#isOfTheProgram(layer)) return;
    const fields = { ...layer, ...this.#options.inspector.privateFieldsOf(layer) };
    for (const [key, field] of Object.entries(fields))
      if (isPlainData(field))
        this.#note(`${String(Reflect.get(layer, 'name'))}.${key}`, {
          ...describedData(field),
          part: 'layer',
        });
  }

  #visit(value: unknown, name: string, depth: number): void {
    if (this.values.size >= valuesMax || depth > depthMax) return;
    if (isFunction(value)) this.#found(value);
    else if (typeof value !== 'object' || value === null) this.#note(name, describedData(value));
    else this.#visitObject(value, name, depth);
  }

  #visitObject(value: object, name: string, depth: number): void {
    const saved = this.#options.saved.get(value);
    if (saved !== undefined) return this.#note(name, describedInWords(`the one in \`state\` (${saved})`));
    if (this.#seen.has(value)) return;
    this.#seen.add(value);
    if (isTensor(value)) return this.#note(name, describedInWords(tensorWords(value)));
    if (isOptimizer(value))
      return this.#note(name, { ...describedInWords(optimizerWords(value)), part: 'optimizer' });
    if (isLayer(value)) {
      for (const [state, words] of recurrentStates(value))
        this.#note(`${name}.${state}`, { ...describedInWords(words), part: 'recurrent' });
      this.openLayer(value);
      return;
    }
    if (isPlainData(value)) return this.#note(name, describedData(value));
    if (isGenerator(value)) return this.#visitGenerator(value, name);
    for (const [at, item] of itemsOf(value).entries()) this.#visit(item, `${name}[${at}]`, depth + 1);
    if (isPlainObject(value) ? !offers(value, 'registerBackend') : this.#isOfTheProgram(value))
      this.openObject(value, name, depth);
  }

  /** Its own variables, of which its position is one. */
  #visitGenerator(value: object, name: string): void {
    if (!this.#options.isOurs(value)) return;
    const [own] = this.#options.inspector.scopesOf(value);
    for (const [key, item] of Object.entries(own?.variables ?? {}))
      if (isPlainData(item)) this.#note(`${name}.${key}`, { ...describedData(item), part: 'generator' });
  }

  #found(value: object): void {
    if (!this.#functions.has(value) && this.#options.isOurs(value)) this.#functions.add(value);
  }

  #isOfTheProgram(value: object): boolean {
    const maker: unknown = Reflect.get(value, 'constructor');
    return isFunction(maker) && this.#options.isOurs(maker);
  }

  /** Two closures may have a variable of one name: the second is told apart where it has another value. */
  #note(name: string, seen: Seen): void {
    const before = this.values.get(name);
    if (before === undefined) this.values.set(name, seen);
    else if (before.digest !== seen.digest && !this.values.has(`${name}#2`))
      this.values.set(`${name}#2`, seen);
  }
}

function itemsOf(value: object): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return value instanceof Map || value instanceof Set ? [...value.values()] : [];
}

function isGenerator(value: object): boolean {
  return /^\[object (?:Async)?Generator\]$/.test(Object.prototype.toString.call(value));
}

/** Of a class: its functions stand on the prototype. */
function methodsOf(value: object): readonly object[] {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (typeof prototype !== 'object' || prototype === null || prototype === Object.prototype) return [];
  return Object.values(Object.getOwnPropertyDescriptors(prototype)).flatMap(({ value: method }) =>
    isFunction(method) ? [method] : [],
  );
}

/** Class and settings: another one stands there after a replacement. */
function optimizerWords(optimizer: object): string {
  const settings = Object.entries(optimizer)
    .filter(([key, value]) => typeof value === 'number' && key !== 'iterations_')
    .map(([key, value]) => `${key} ${String(value)}`);
  return `another optimizer, ${optimizer.constructor.name} (${settings.join(', ')}),`;
}
