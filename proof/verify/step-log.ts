import { closeSync, openSync, readSync } from 'node:fs';
import { isMissing } from '../../lib/base/file-errors.ts';
import { parseDocument } from '../../lib/contract/parse-document.ts';
import { type RunCourse, type StepRecord, stepRecordSchema } from '../../lib/contract/step-record.ts';

const pieceBytes = 256 * 1024;

/** The record of one process, read while it is being written. */
export class StepLog {
  readonly #path: string;
  readonly #records: StepRecord[] = [];
  #readBytes = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
  }

  get records(): readonly StepRecord[] {
    return this.#records;
  }

  /** Completed steps; undefined before training has begun. */
  get step(): number | undefined {
    return this.#records.at(-1)?.step;
  }

  get course(): RunCourse | undefined {
    const [began] = this.#records;
    return began?.kind === 'began' ? began.plan : undefined;
  }

  /** Takes in what was written since; a line that is not complete yet waits. */
  read(): void {
    const file = openUnlessMissing(this.#path);
    if (file === undefined) return;
    try {
      const piece = Buffer.alloc(pieceBytes);
      for (;;) {
        const bytes = readSync(file, piece, 0, piece.length, this.#readBytes);
        if (bytes === 0) return;
        this.#readBytes += bytes;
        this.#take(Buffer.concat([this.#rest, piece.subarray(0, bytes)]));
      }
    } finally {
      closeSync(file);
    }
  }

  #take(bytes: Buffer): void {
    const end = bytes.lastIndexOf('\n');
    this.#rest = bytes.subarray(end + 1);
    if (end === -1) return;
    for (const line of bytes.toString('utf8', 0, end).split('\n'))
      this.#records.push(
        parseDocument(stepRecordSchema, line, { what: 'a record of steps', at: this.#path }),
      );
  }
}

function openUnlessMissing(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
