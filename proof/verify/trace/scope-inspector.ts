import { type Runtime, Session } from 'node:inspector';
import { defined } from '../../../lib/base/assert.ts';
import { seenAs } from '../../../lib/tfjs/private-fields.ts';

/** Variables that a function sees, from one of the blocks around it. */
export interface Scope {
  /** `Closure (setup)`, `Module`. */
  readonly name: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

const handOver = Symbol.for('holdfast.hand-over');
const group = 'holdfast';

/**
 * Looks into functions and objects of this very process as a debugger would, without stopping it: variables in closures,
 * private fields, variables of a generator that waits. Nothing is changed by looking.
 */
export class ScopeInspector {
  readonly #session = new Session();

  constructor() {
    this.#session.connect();
  }

  /** Of a function, or of a generator between two calls; innermost first, without what is global. */
  scopesOf(value: object): readonly Scope[] {
    return this.#looking(value, (objectId) => {
      const { internal } = this.#properties(objectId);
      const scopes = internal.find(({ name }) => name === '[[Scopes]]')?.value?.objectId;
      if (scopes === undefined) return [];
      return this.#properties(scopes).own.flatMap(({ value: scope }) => {
        const { description = '', objectId: scopeId } = scope ?? {};
        if (scopeId === undefined || description === 'Global') return [];
        return [{ name: description, variables: this.#variables(scopeId) }];
      });
    });
  }

  /** Names begin with `#`. */
  privateFieldsOf(value: object): Readonly<Record<string, unknown>> {
    return this.#looking(value, (objectId) =>
      Object.fromEntries(
        this.#properties(objectId).fields.flatMap(({ name, value: field }) =>
          field === undefined ? [] : [[name, this.#taken(field)]],
        ),
      ),
    );
  }

  /** Equal for functions and generators from one file; undefined for those of Node.js itself. */
  scriptOf(value: object): string | undefined {
    return this.#looking(value, (objectId) => {
      const location = this.#properties(objectId).internal.find(({ name }) =>
        /^\[\[\w+Location\]\]$/.test(name),
      );
      const place: unknown = location?.value?.value;
      const script: unknown = isObject(place) ? Reflect.get(place, 'scriptId') : undefined;
      return typeof script === 'string' ? script : undefined;
    });
  }

  #variables(scopeId: string): Readonly<Record<string, unknown>> {
    const scope = this.#taken({ type: 'object', objectId: scopeId });
    // A scope is handed over with its description around it.
    const inner: unknown = isObject(scope) ? Reflect.get(scope, 'object') : undefined;
    return isObject(inner) ? { ...inner } : {};
  }

  /** What the debugger's handle stands for. */
  #taken(handle: Runtime.RemoteObject): unknown {
    const { objectId } = handle;
    if (objectId === undefined) return handle.unserializableValue ?? handle.value;
    const box: { taken?: unknown } = {};
    const take = (value: unknown): void => {
      box.taken = value;
    };
    this.#withHandOver(take, () =>
      this.#session.post('Runtime.callFunctionOn', {
        objectId,
        functionDeclaration: `function () { globalThis[Symbol.for('holdfast.hand-over')](this); }`,
      }),
    );
    return box.taken;
  }

  #looking<Result>(value: object, look: (objectId: string) => Result): Result {
    try {
      return look(this.#withHandOver(value, () => this.#handle()));
    } finally {
      this.#session.post('Runtime.releaseObjectGroup', { objectGroup: group });
    }
  }

  /** Within one thread an answer is there when `post` returns. */
  #handle(): string {
    let objectId: string | undefined;
    const expression = `globalThis[Symbol.for('holdfast.hand-over')]`;
    this.#session.post('Runtime.evaluate', { expression, objectGroup: group }, (_error, answer) => {
      ({ objectId } = answer.result);
    });
    return defined(objectId, 'the inspector gives a handle for every object');
  }

  #properties(objectId: string): Properties {
    let properties: Properties = { own: [], internal: [], fields: [] };
    this.#session.post('Runtime.getProperties', { objectId, ownProperties: true }, (_error, answer) => {
      properties = {
        own: answer.result,
        internal: answer.internalProperties ?? [],
        // Newer than the types that describe the inspector.
        fields: seenAs<{ privateProperties?: Properties['fields'] }>(answer).privateProperties ?? [],
      };
    });
    return properties;
  }

  #withHandOver<Result>(value: unknown, work: () => Result): Result {
    Object.defineProperty(globalThis, handOver, { value, configurable: true });
    try {
      return work();
    } finally {
      Reflect.deleteProperty(globalThis, handOver);
    }
  }
}

interface Properties {
  readonly own: readonly Runtime.PropertyDescriptor[];
  readonly internal: readonly Runtime.InternalPropertyDescriptor[];
  readonly fields: readonly { readonly name: string; readonly value?: Runtime.RemoteObject }[];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
