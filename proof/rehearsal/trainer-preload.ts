/** Loaded into a trainer by `--import` before anything else: a disk that fills up, and a wall clock that is set. */
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { systemClock } from '../../lib/base/clock.ts';
import { instanceMark } from '../../local/process-tree.ts';
import { faultLog } from './fault-log.ts';
import { notedOffsetMs } from './jumping-clock.ts';
import { isOpen, readWorkerFaults } from './worker-faults.ts';

const faults = readWorkerFaults(process.env);
const trueTime = Date;
const clock = { ...systemClock, now: () => new trueTime() };
const beganMs = clock.monotonicMs();
const elapsedSeconds = (): number => (clock.monotonicMs() - beganMs) / 1_000;
const note = faultLog({ path: faults?.faultsLog, instance: process.env[instanceMark] ?? '', clock });

/** Files of a slot, which hold what is staged. */
const slotFile = /[\\/]slot-[01][\\/]/;

if (faults?.disk !== undefined) {
  const { fullWhen } = faults.disk;
  const { open } = fs;
  const refuseWhenFull = (path: string): void => {
    if (!isOpen(fullWhen, elapsedSeconds())) return;
    note({ where: 'disk', what: 'full', detail: path });
    throw Object.assign(new Error(`ENOSPC: no space left on device, write (a fault that was asked for)`), {
      code: 'ENOSPC',
      syscall: 'write',
    });
  };
  fs.open = async (path, ...rest) => {
    const handle = await open(path, ...rest);
    const name = String(path);
    if (!slotFile.test(name)) return handle;
    const writev = handle.writev.bind(handle);
    handle.writev = async (...args) => {
      refuseWhenFull(name);
      return writev(...args);
    };
    return handle;
  };
  syncBuiltinESMExports();
}

if (faults?.clock !== undefined) {
  const { jumps } = faults.clock;
  const offsetMs = notedOffsetMs(jumps, note);
  const wrong = (): number => trueTime.now() + offsetMs(elapsedSeconds());
  globalThis.Date = new Proxy(trueTime, {
    construct: (target, args, newTarget) =>
      Reflect.construct(
        target,
        args.length === 0 ? [wrong()] : args,
        newTarget === globalThis.Date ? target : newTarget,
      ),
    apply: () => new trueTime(wrong()).toString(),
    get: (target, name, receiver) => (name === 'now' ? wrong : Reflect.get(target, name, receiver)),
  });
}
