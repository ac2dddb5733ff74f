import { replace, type Sensor, watchCalls, watchReads } from './sensor.ts';

/** Asked of a date, these depend on where the machine stands. */
const zoned = [
  'getFullYear',
  'getMonth',
  'getDate',
  'getDay',
  'getHours',
  'getTimezoneOffset',
  'toLocaleString',
  'toLocaleDateString',
  'toLocaleTimeString',
];

/** Every clock that a program can read is noted; the wall clock is set off by `offsetMs`. Durations stay true. */
export function watchClock(sensor: Sensor, offsetMs: number): void {
  const real = Date;
  const { now } = real;
  const shifted = (): number => now() + offsetMs;
  watchCalls({ source: ['Date', 'now'].join('.'), owner: real, key: 'now', instead: shifted }, sensor);
  const construct = (_real: object, args: unknown[], newTarget: unknown): object => {
    if (args.length === 0) sensor('new Date', construct);
    return constructed(args.length === 0 ? [shifted()] : args, newTarget);
  };
  const apply = (): string => {
    sensor('Date', apply);
    return new real(shifted()).toString();
  };
  const constructed = (args: unknown[], newTarget: unknown): object =>
    Reflect.construct(real, args, typeof newTarget === 'function' ? newTarget : real);
  const watched = new Proxy(real, { construct, apply });
  replace(globalThis, 'Date', watched);
  // `date.constructor` is what the program knows as `Date`.
  replace(real.prototype, 'constructor', watched);
  for (const key of zoned) watchCalls({ source: `date.${key}`, owner: real.prototype, key }, sensor);
  const timing: unknown = Object.getPrototypeOf(performance);
  if (typeof timing === 'object' && timing !== null) watchTiming(sensor, timing, offsetMs);
  watchCalls({ source: 'process.hrtime.bigint', owner: process.hrtime, key: 'bigint' }, sensor);
  watchCalls({ source: 'process.hrtime', owner: process, key: 'hrtime' }, sensor);
  watchCalls({ source: 'process.uptime', owner: process, key: 'uptime' }, sensor);
}

function watchTiming(sensor: Sensor, timing: object, offsetMs: number): void {
  watchCalls({ source: ['performance', 'now'].join('.'), owner: timing, key: 'now' }, sensor);
  watchReads({ source: 'performance.timeOrigin', owner: timing, key: 'timeOrigin' }, sensor, (value) =>
    typeof value === 'number' ? value + offsetMs : value,
  );
}
