import { resolve } from 'node:path';
import type { AskedFor, Sensor } from './sensor.ts';
import { callerIn } from './program-places.ts';
import type { Place, TracePhase, TraceRecord } from './trace-record.ts';

export interface CallNotesOptions {
  readonly programPath: string;
  readonly phase: () => TracePhase;
  readonly write: (record: TraceRecord) => void;
}

/** After so many looks at the stack for one source and phase, whatever asks has been seen, or asks from everywhere. */
const looksMax = 2_000;

/** Notes once for each place and phase that the program asked the machine for something. */
export class CallNotes {
  readonly #options: CallNotesOptions;
  readonly #looks = new Map<string, number>();
  readonly #noted = new Set<string>();
  #isBusy = false;

  constructor(options: CallNotesOptions) {
    this.#options = options;
  }

  /** For what the wrappers of this folder call, `below` being the one that is on the stack. */
  readonly sensor: Sensor = (source, below, asked) => {
    // What is asked while a note is taken is asked by us.
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      this.#look(source, below, asked);
    } finally {
      this.#isBusy = false;
    }
  };

  #look(
    source: string,
    below: (...args: never) => unknown,
    { isRandomness = false, file }: AskedFor = {},
  ): void {
    const { programPath, phase: present, write } = this.#options;
    const phase = present();
    const looks = this.#looks.get(`${phase} ${source}`) ?? 0;
    if (looks >= looksMax) return;
    this.#looks.set(`${phase} ${source}`, looks + 1);
    const { places, isDirect, isByNode } = callerIn(programPath, below);
    // TensorFlow.js reads clocks and settings for itself, but draws for the program.
    if (places.length === 0 || !(isDirect || isRandomness)) return;
    // `console.log` looks into the environment for colors, and means nothing by it.
    if (isByNode && source.startsWith('process.env.')) return;
    // What Node.js does with a file on its way says nothing of what the program wants of it.
    if (isByNode && file !== undefined) return;
    const about = file && { path: resolve(file.path), isWritten: file.isWritten };
    const key = `${phase} ${source} ${about?.path ?? ''} ${places.map(placeKey).join(' ')}`;
    if (this.#noted.has(key)) return;
    this.#noted.add(key);
    const call = { source, phase, places: [...places] };
    write(about === undefined ? { kind: 'call', ...call } : { kind: 'file', ...call, ...about });
  }
}

function placeKey({ line, column }: Place): string {
  return `${line}:${column}`;
}
