import { isTypedArray } from './plain-values.ts';

/**
 * Makes `target` equal to `saved` without replacing it, nor objects, lists, maps, sets and typed arrays inside it that
 * have a counterpart of their kind: closures that hold one of them keep seeing the program's state. Keys come to stand
 * in the saved order.
 */
export function restoreInPlace(target: object, saved: unknown): void {
  if (typeof saved !== 'object' || saved === null) return;
  const entries = Object.entries(saved).map(([key, value]): [string, unknown] => [
    key,
    merged(Object.getOwnPropertyDescriptor(target, key)?.value, value),
  ]);
  for (const key of Object.keys(target)) Reflect.deleteProperty(target, key);
  for (const [key, value] of entries) {
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
  }
}

/** `saved`, in the place of `current` where that can hold it. */
function merged(current: unknown, saved: unknown): unknown {
  if (typeof current !== 'object' || current === null || typeof saved !== 'object' || saved === null)
    return saved;
  if (Array.isArray(current) && Array.isArray(saved)) {
    const items = saved.map((item: unknown, index) => merged(current[index], item));
    current.length = items.length;
    for (const [index, item] of items.entries()) current[index] = item;
    return current;
  }
  if (current instanceof Map && saved instanceof Map) {
    const items = Array.from(saved, ([key, value]): [unknown, unknown] => [
      key,
      merged(current.get(key), value),
    ]);
    current.clear();
    for (const [key, value] of items) current.set(key, value);
    return current;
  }
  if (current instanceof Set && saved instanceof Set) {
    current.clear();
    for (const item of saved) current.add(item);
    return current;
  }
  if (isTypedArray(current) && isTypedArray(saved)) {
    if (current.constructor !== saved.constructor || current.length !== saved.length) return saved;
    current.set(saved);
    return current;
  }
  if (!isPlain(current) || !isPlain(saved)) return saved;
  restoreInPlace(current, saved);
  return current;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
