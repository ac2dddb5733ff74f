import { AsyncLocalStorage } from 'node:async_hooks';
import fs from 'node:fs';
import { type AnyFunction, isFunction, type Sensor, watchCalls } from './sensor.ts';

/**
 * Listings of directories and patterns are noted; with `reversed` each comes in the opposite order. No order is promised
 * by Node.js or by file systems, and on another machine it is another.
 */
export function watchDirectories(sensor: Sensor, reversed: boolean): void {
  const { promises } = fs;
  const listings = [
    ['fs.readdirSync', fs, 'readdirSync', sync],
    ['fs.readdir', fs, 'readdir', withCallback],
    ['fs.opendirSync', fs, 'opendirSync', opened],
    ['fs.opendir', fs, 'opendir', openedLater],
    ['fs.promises.readdir', promises, 'readdir', promised],
    ['fs.promises.opendir', promises, 'opendir', openedInPromise],
  ] as const;
  for (const [source, owner, key, instead] of listings)
    watchCalls({ source, owner, key, ...(reversed && { instead: unlessMatching(instead) }) }, sensor);
  const patterns = [
    ['fs.globSync', fs, 'globSync', matchedAtOnce],
    ['fs.glob', fs, 'glob', matchedLater],
    ['fs.promises.glob', promises, 'glob', matchedInTurn],
  ] as const;
  for (const [source, owner, key, instead] of patterns)
    watchCalls({ source, owner, key, ...(reversed && { instead }) }, sensor);
}

type Instead = (real: AnyFunction, self: unknown, args: unknown[]) => unknown;

/** A pattern is looked up by listings, whose order is that of its own matches then: turned round twice it would be as before. */
const matching = new AsyncLocalStorage<true>();

/** Lists in the opposite order, unless Node.js asks for it on behalf of a pattern. */
function unlessMatching(instead: Instead): Instead {
  return (real, self, args) =>
    matching.getStore() === true ? Reflect.apply(real, self, args) : instead(real, self, args);
}

function backwards(listing: unknown): unknown {
  return Array.isArray(listing) ? listing.toReversed() : listing;
}

function sync(real: AnyFunction, self: unknown, args: unknown[]): unknown {
  return backwards(Reflect.apply(real, self, args));
}

function promised(real: AnyFunction, self: unknown, args: unknown[]): unknown {
  const listing = Reflect.apply(real, self, args);
  return listing instanceof Promise ? listing.then(backwards) : listing;
}

/** The last argument takes the listing. */
function withCallback(real: AnyFunction, self: unknown, args: unknown[]): unknown {
  return Reflect.apply(real, self, changedLast(args, backwards));
}

function openedLater(real: AnyFunction, self: unknown, args: unknown[]): unknown {
  return Reflect.apply(real, self, changedLast(args, readBackwards));
}

function changedLast(args: unknown[], changed: (result: unknown) => unknown): unknown[] {
  const callback = args.at(-1);
  if (!isFunction(callback)) return args;
  return [...args.slice(0, -1), (error: unknown, result: unknown) => callback(error, changed(result))];
}

function opened(real: AnyFunction, self: unknown, args: unknown[]): unknown {
  return readBackwards(Reflect.apply(real, self, args));
}

function openedInPromise(real: AnyFunction, self: unknown, args: unknown[]): unknown {
  const opening = Reflect.apply(real, self, args);
  return opening instanceof Promise ? opening.then(readBackwards) : opening;
}

function matchedAtOnce(real: AnyFunction, self: unknown, args: unknown[]): unknown {
  return matching.run(true, () => sync(real, self, args));
}

/** What the program does with the matches is its own again. */
function matchedLater(real: AnyFunction, self: unknown, args: unknown[]): unknown {
  const callback = args.at(-1);
  if (!isFunction(callback)) return Reflect.apply(real, self, args);
  const outside = (...answer: unknown[]): unknown => matching.exit(() => callback(...answer));
  return matching.run(true, () => withCallback(real, self, [...args.slice(0, -1), outside]));
}

async function* matchedInTurn(real: AnyFunction, self: unknown, args: unknown[]): AsyncGenerator {
  const found = await matching.run(true, async () => {
    const matches = Reflect.apply(real, self, args);
    const all: unknown[] = [];
    if (isAsyncIterable(matches)) for await (const match of matches) all.push(match);
    return all;
  });
  yield* found.toReversed();
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Everything is read at once and given out from the end. Once closed, the directory itself answers, with its error. */
function readBackwards(dir: unknown): unknown {
  if (!(dir instanceof fs.Dir)) return dir;
  const readSync = dir.readSync.bind(dir);
  const close = dir.close.bind(dir);
  const closeSync = dir.closeSync.bind(dir);
  const entries: fs.Dirent[] = [];
  for (let entry = readSync(); entry !== null; entry = readSync()) entries.push(entry);
  let isClosed = false;
  const next = (): fs.Dirent | null => (isClosed ? readSync() : (entries.pop() ?? null));
  const read = (callback?: (error: unknown, entry?: fs.Dirent | null) => void): unknown => {
    if (callback === undefined) return new Promise((resolve) => resolve(next()));
    try {
      const entry = next();
      process.nextTick(() => callback(null, entry));
    } catch (error) {
      process.nextTick(() => callback(error));
    }
    return undefined;
  };
  const all = async function* (): AsyncGenerator<fs.Dirent> {
    try {
      for (let entry = next(); entry !== null; entry = next()) yield entry;
    } finally {
      isClosed = true;
      await close();
    }
  };
  const own = {
    read,
    readSync: next,
    close: (...args: unknown[]) => {
      isClosed = true;
      return Reflect.apply(close, undefined, args);
    },
    closeSync: () => {
      isClosed = true;
      closeSync();
    },
    entries: all,
    [Symbol.asyncIterator]: all,
  };
  for (const key of Reflect.ownKeys(own))
    Object.defineProperty(dir, key, { configurable: true, writable: true, value: Reflect.get(own, key) });
  return dir;
}
