import { UserProgramError } from '../base/errors.ts';
import type { TensorLike } from './define-training.ts';

/** Numbers of a step or an evaluation, read from the device. */
export type MetricValues = Readonly<Record<string, number>>;

/**
 * Reads the numbers that a program returned, and disposes the tensors among them.
 * @throws UserProgramError that names a value that is neither a number nor a scalar tensor
 */
export function readMetrics(returned: unknown, what: string): MetricValues {
  if (returned === undefined || returned === null) return {};
  if (typeof returned !== 'object')
    throw new UserProgramError(`${what} must return an object of metrics, not ${typeof returned}.`);
  const metrics: Record<string, number> = {};
  for (const [name, value] of Object.entries(returned)) metrics[name] = readMetric(name, value, what);
  return metrics;
}

function readMetric(name: string, value: unknown, what: string): number {
  if (typeof value === 'number') return value;
  if (!isTensor(value) || !('dataSync' in value) || typeof value.dataSync !== 'function')
    throw new UserProgramError(`${what} returned \`${name}\`, which is neither a number nor a tensor.`);
  const size = value.shape.reduce((product, length) => product * length, 1);
  if (size !== 1) {
    throw new UserProgramError(
      `${what} returned \`${name}\` of shape [${value.shape.join(', ')}]; a metric is one number.`,
    );
  }
  const data: unknown = value.dataSync();
  value.dispose();
  const number: unknown = ArrayBuffer.isView(data) ? Reflect.get(data, 0) : undefined;
  if (typeof number !== 'number')
    throw new UserProgramError(`${what} returned \`${name}\`, a tensor that does not hold numbers.`);
  return number;
}

/** Those values that JSON can hold, for messages. */
export function finite(metrics: MetricValues): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).filter(([, value]) => Number.isFinite(value)));
}

/** Disposes every tensor inside lists and plain objects. Other objects are the program's own business. */
export function disposeTensors(value: unknown, seen: Set<unknown> = new Set()): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (isTensor(value)) value.dispose();
  else if (Array.isArray(value)) for (const item of value) disposeTensors(item, seen);
  else if (Object.getPrototypeOf(value) === Object.prototype)
    for (const item of Object.values(value)) disposeTensors(item, seen);
}

function isTensor(value: unknown): value is TensorLike {
  return (
    typeof value === 'object' &&
    value !== null &&
    'dispose' in value &&
    typeof value.dispose === 'function' &&
    'shape' in value &&
    Array.isArray(value.shape) &&
    'dtype' in value
  );
}
