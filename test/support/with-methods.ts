/** `target` with some of its methods replaced; all others, private state included, stay the target's own. */
export function withMethods<Target extends object>(target: Target, methods: Partial<Target>): Target {
  return new Proxy(target, {
    get(_, name) {
      const replaced: unknown = Reflect.get(methods, name);
      if (replaced !== undefined) return replaced;
      const own: unknown = Reflect.get(target, name, target);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

/** `target` whose every asynchronous method first waits for `gate`. */
export function behindGate<Target extends object>(target: Target, gate: () => Promise<void>): Target {
  return new Proxy(target, {
    get(_, name) {
      const own: unknown = Reflect.get(target, name, target);
      if (typeof own !== 'function') return own;
      return async (...args: unknown[]) => {
        await gate();
        return Reflect.apply(own, target, args);
      };
    },
  });
}
