import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Sensor, type TouchedFile, watchCalls } from './sensor.ts';

/** With and without `Sync`, and those that promise. */
const asking = ['readFile', 'access', 'stat', 'lstat'];
const writing = ['writeFile', 'appendFile'];
/** From the one to the other. */
const making = ['rename', 'copyFile'];

/** Files that are asked for or written are noted: what a program writes and reads again is state that no checkpoint holds. */
export function watchFiles(sensor: Sensor): void {
  const watch = (name: string, fileOf: (args: readonly unknown[]) => TouchedFile | undefined): void => {
    for (const key of [name, `${name}Sync`])
      watchCalls({ source: `fs.${key}`, owner: fs, key, file: fileOf }, sensor);
    watchCalls({ source: `fs.promises.${name}`, owner: fs.promises, key: name, file: fileOf }, sensor);
  };
  for (const name of asking) watch(name, ([path]) => touched(path, false));
  for (const name of writing) watch(name, ([path]) => touched(path, true));
  for (const name of making) watch(name, ([, to]) => touched(to, true));
  watch('open', ([path, flags]) => touched(path, isForWriting(flags)));
  watch('exists', ([path]) => touched(path, false));
  watch('createReadStream', ([path]) => touched(path, false));
  watch('createWriteStream', ([path]) => touched(path, true));
}

/** What is already open has no path, and was noted when it was opened. */
function touched(path: unknown, isWritten: boolean): TouchedFile | undefined {
  if (typeof path === 'string') return { path, isWritten };
  if (Buffer.isBuffer(path)) return { path: path.toString(), isWritten };
  return path instanceof URL && path.protocol === 'file:'
    ? { path: fileURLToPath(path), isWritten }
    : undefined;
}

/** Left out they mean `r`. */
function isForWriting(flags: unknown): boolean {
  if (typeof flags === 'number') return (flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR)) !== 0;
  return typeof flags === 'string' && /[wa+]/.test(flags);
}
