/** A file that is asked for or written, as the program named it. */
export interface TouchedFile {
  readonly path: string;
  readonly isWritten: boolean;
}

export interface AskedFor {
  /** It counts also where TensorFlow.js asks on the program's behalf. */
  readonly isRandomness?: boolean;
  readonly file?: TouchedFile | undefined;
}

/** Told before something is asked of the machine. `below` is the function on the stack that stands for what was asked. */
export type Sensor = (source: string, below: (...args: never) => unknown, asked?: AskedFor) => void;

export interface Watched {
  /** As people call it: `fs.readdirSync`. */
  readonly source: string;
  readonly owner: object;
  readonly key: string;
  readonly isRandomness?: boolean;
  /** The file that a call is about; where there is none, the call is no matter. */
  readonly file?: (args: readonly unknown[]) => TouchedFile | undefined;
  /** Changes what the call gives; it gets the real function, `this` and the arguments. */
  readonly instead?: (real: AnyFunction, self: unknown, args: unknown[]) => unknown;
}

export type AnyFunction = (...args: unknown[]) => unknown;

/**
 * Stands before a function and tells the sensor of each call. A proxy, so that name, length, properties, `this`, `new` and
 * what is thrown or returned stay those of the real one. Nothing is done where this Node.js has no such function.
 */
export function watchCalls(watched: Watched, sensor: Sensor): void {
  const { source, owner, key, isRandomness = false, file, instead } = watched;
  const real: unknown = Reflect.get(owner, key);
  if (!isFunction(real)) return;
  const apply = (target: AnyFunction, self: unknown, args: unknown[]): unknown => {
    const touched = file?.(args);
    if (file === undefined || touched !== undefined) sensor(source, apply, { isRandomness, file: touched });
    return instead === undefined ? Reflect.apply(target, self, args) : instead(target, self, args);
  };
  replace(owner, key, new Proxy(real, { apply }));
}

/** Puts `value` where a value was, if that can be replaced; enumerable, writable and configurable as before. */
export function replace(owner: object, key: string, value: unknown): void {
  const before = Object.getOwnPropertyDescriptor(owner, key);
  if (before?.configurable === false && before.writable !== true) return;
  if (before === undefined || 'value' in before)
    Object.defineProperty(owner, key, {
      configurable: true,
      enumerable: true,
      writable: true,
      ...before,
      value,
    });
  else
    Object.defineProperty(owner, key, {
      configurable: before.configurable ?? true,
      enumerable: before.enumerable ?? true,
      writable: true,
      value,
    });
}

/** The same for what is read and not called: `process.pid`. `read` gets the object that was asked. */
export function watchReads(
  watched: { readonly source: string; readonly owner: object; readonly key: string },
  sensor: Sensor,
  changed: (value: unknown) => unknown = (value) => value,
): void {
  const { source, owner, key } = watched;
  const before = Object.getOwnPropertyDescriptor(owner, key);
  if (before === undefined || before.configurable === false) return;
  const real: unknown = Reflect.get(before, 'get');
  const get = function (this: unknown): unknown {
    sensor(source, get);
    return changed(isFunction(real) ? Reflect.apply(real, this, []) : before.value);
  };
  const { enumerable = true } = before;
  Object.defineProperty(owner, key, { configurable: true, enumerable, get });
}

export function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function';
}
