/**
 * Loaded by Node.js before a trainer (`--import`): notes what the program asks the machine and what its functions see outside
 * of `state`, and moves the process elsewhere where its orders say so. The program computes what it would compute anyway.
 */
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { openSync, writeSync } from 'node:fs';
import { lookOn, type TrainingSight } from '../../../job/trainer/onlookers.ts';
import { readHostStart } from '../../../job/trainer/host-start.ts';
import { presentPurpose } from '../../../lib/training/random-streams.ts';
import { messageOf } from '../../../lib/base/errors.ts';
import { CallNotes } from './call-notes.ts';
import { OutsideState } from './outside-state.ts';
import { stateKinds } from './state-kinds.ts';
import { type TraceOrders, traceOrdersSchema, traceVariable } from './trace-orders.ts';
import type { Seen, TracePhase, TraceRecord } from './trace-record.ts';
import { watchClock } from './watch-clock.ts';
import { watchDirectories } from './watch-directories.ts';
import { watchFiles } from './watch-files.ts';
import { watchMachine, watchRandomness } from './watch-machine.ts';

const given = process.env[traceVariable];
const startPath = process.argv[2];
// Threads load it, too: they belong to the backend.
if (isMainThread && given !== undefined && startPath !== undefined) {
  Reflect.deleteProperty(process.env, traceVariable);
  trace(traceOrdersSchema.parse(JSON.parse(given)), readHostStart(startPath).program);
}

function trace({ path, number, disturbance }: TraceOrders, programPath: string): void {
  const file = openSync(path, 'a');
  const write = (record: TraceRecord): void => {
    writeSync(file, `${JSON.stringify(record)}\n`);
  };
  write({ kind: 'process', number, disturbed: disturbance !== undefined });
  let isImported = false;
  const phase = (): TracePhase => {
    const purpose = presentPurpose();
    isImported ||= purpose !== undefined;
    return purpose ?? (isImported ? 'between' : 'importing');
  };
  const { sensor } = new CallNotes({ programPath, phase, write });
  watchRandomness(sensor);
  watchClock(sensor, disturbance?.clockOffsetMs ?? 0);
  watchMachine(sensor, disturbance?.hostName);
  watchDirectories(sensor, disturbance !== undefined);
  watchFiles(sensor);
  // What modules import by name is the function that stands here at that time.
  syncBuiltinESMExports();
  lookOn(noteOutside(write));
}

/** Values are noted where they differ from the line before. */
function noteOutside(write: (record: TraceRecord) => void): (sight: TrainingSight) => void {
  const outside = new OutsideState();
  let before = new Map<string, Seen>();
  return (sight) => {
    const { when, step, resumed, training } = sight;
    if (when === 'set-up') write({ kind: 'state', kinds: stateKinds(training.state) });
    let now;
    try {
      now = outside.look(sight);
    } catch (error) {
      // A program may hold objects that refuse to be read. It trains all the same, and what can be told without is told.
      return write({ kind: 'blind', why: messageOf(error) });
    }
    const changed = [...now].filter(([name, { digest }]) => before.get(name)?.digest !== digest);
    const gone = [...before.keys()].filter((name) => !now.has(name));
    before = now;
    write({ kind: 'outside', when, step, resumed, values: Object.fromEntries(changed), gone });
  };
}
