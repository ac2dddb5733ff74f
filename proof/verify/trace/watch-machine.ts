import crypto from 'node:crypto';
import os from 'node:os';
import { replace, type Sensor, watchCalls, watchReads } from './sensor.ts';

const draws = [
  'randomBytes',
  'pseudoRandomBytes',
  'randomInt',
  'randomUUID',
  'randomFill',
  'randomFillSync',
  'getRandomValues',
];
const machine = [
  'userInfo',
  'homedir',
  'tmpdir',
  'uptime',
  'loadavg',
  'freemem',
  'totalmem',
  'cpus',
  'availableParallelism',
  'networkInterfaces',
];
const ofProcess = ['cwd', 'memoryUsage', 'cpuUsage', 'resourceUsage'];

/** Whatever chance the run does not answer for is noted: `Math.random` outside of the program's functions, or kept from before. */
export function watchRandomness(sensor: Sensor): void {
  const isRandomness = true;
  watchCalls({ source: ['Math', 'random'].join('.'), owner: Math, key: 'random', isRandomness }, sensor);
  for (const key of draws) watchCalls({ source: `crypto.${key}`, owner: crypto, key, isRandomness }, sensor);
  const web: unknown = Object.getPrototypeOf(crypto.webcrypto);
  if (typeof web !== 'object' || web === null) return;
  for (const key of ['getRandomValues', 'randomUUID'])
    watchCalls({ source: `crypto.${key}`, owner: web, key, isRandomness }, sensor);
}

/** What is another on another machine or in another process. */
export function watchMachine(sensor: Sensor, hostName: string | undefined): void {
  const instead = hostName === undefined ? {} : { instead: () => hostName };
  watchCalls({ source: 'os.hostname', owner: os, key: 'hostname', ...instead }, sensor);
  for (const key of machine) watchCalls({ source: `os.${key}`, owner: os, key }, sensor);
  for (const key of ofProcess) watchCalls({ source: `process.${key}`, owner: process, key }, sensor);
  for (const key of ['pid', 'ppid']) watchReads({ source: `process.${key}`, owner: process, key }, sensor);
  watchEnvironment(sensor);
}

function watchEnvironment(sensor: Sensor): void {
  const get = (target: object, key: string | symbol): unknown => {
    if (typeof key === 'string') sensor(`process.env.${key}`, get);
    return Reflect.get(target, key);
  };
  replace(process, 'env', new Proxy(process.env, { get, set }));
}

/** The real environment refuses properties that are set on anything but itself. */
function set(target: object, key: string | symbol, value: unknown): boolean {
  return Reflect.set(target, key, value);
}
