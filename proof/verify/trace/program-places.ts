import { pathToFileURL } from 'node:url';
import type { Place } from './trace-record.ts';

/** Deeper than any program calls, and cheap enough for a thousand looks. */
const framesMax = 60;
/** A person reads one or two. */
const placesMax = 6;

export interface Caller {
  /** Frames of the program, innermost first. */
  readonly places: readonly Place[];
  /** The program itself asked, not TensorFlow.js or Holdfast on its way. */
  readonly isDirect: boolean;
  /** Node.js asked, for something of its own that the program has called. */
  readonly isByNode: boolean;
}

/** Where the program stands when it comes to `below`, a function that is on the stack; frames from there inwards are left out. */
export function callerIn(programPath: string, below: (...args: never) => unknown): Caller {
  const files = new Set([programPath, pathToFileURL(programPath).href]);
  const all = framesAbove(below);
  const frames = all.filter((frame) => isCode(frame.getFileName()));
  const inProgram = (frame: NodeJS.CallSite): boolean => files.has(frame.getFileName() ?? '');
  return {
    places: frames
      .filter(inProgram)
      .slice(0, placesMax)
      .map((frame) => ({ line: frame.getLineNumber() ?? 1, column: frame.getColumnNumber() ?? 1 })),
    isDirect: frames[0] !== undefined && inProgram(frames[0]),
    isByNode: all[0]?.getFileName()?.startsWith('node:') === true,
  };
}

/** Frames of Node.js itself, and of built-in functions that call back, stand between a program and what it asks. */
function isCode(file: string | null | undefined): boolean {
  return typeof file === 'string' && !file.startsWith('node:');
}

/** What the program has set for its own stacks is as before when this returns. */
function framesAbove(below: (...args: never) => unknown): readonly NodeJS.CallSite[] {
  const limit = Error.stackTraceLimit;
  const prepare = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  let frames: readonly NodeJS.CallSite[] = [];
  try {
    Error.stackTraceLimit = framesMax;
    Object.defineProperty(Error, 'prepareStackTrace', {
      configurable: true,
      writable: true,
      value: (_error: Error, sites: readonly NodeJS.CallSite[]) => {
        frames = sites;
        return '';
      },
    });
    const holder: { stack?: string } = {};
    Error.captureStackTrace(holder, below);
    // Frames are made when they are asked for, at the latest.
    Reflect.get(holder, 'stack');
  } finally {
    Error.stackTraceLimit = limit;
    if (prepare === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
    else Object.defineProperty(Error, 'prepareStackTrace', prepare);
  }
  return frames;
}
