import { UserProgramError } from '../base/errors.ts';
import type { Rng, Stateful } from './define-training.ts';
import { isSettled, settle } from './settled-arrays.ts';

export interface ReplayBuffer<Column extends string> extends Stateful<SavedReplay> {
  /** Rows that can be drawn: at most the capacity. */
  readonly size: number;
  /** Adds a row; the oldest one leaves when the buffer is full. */
  push(row: Readonly<Record<Column, number | ArrayLike<number>>>): void;
  /** `count` rows drawn with replacement, one array a column: `count` × the column's width, row by row. */
  sample(count: number, rng: Rng): Record<Column, Float32Array>;
}

export interface SavedReplay {
  readonly written: number;
  readonly pages: Readonly<Record<string, readonly Float32Array[]>>;
}

/** Large enough that a checkpoint has few tensors of it, small enough that one push dirties little. */
const pageBytesMin = 256 * 1024;
const pagesMax = 256;

/**
 * A ring of the last `capacity` rows, in float32. `columns` gives the numbers in a row of each column. It is kept in
 * pages: those not written since the last checkpoint are neither copied nor sent again.
 */
export function replayBuffer<Column extends string>(
  capacity: number,
  columns: Readonly<Record<Column, number>>,
): ReplayBuffer<Column> {
  if (!Number.isInteger(capacity) || capacity < 1)
    throw new UserProgramError(`a replay buffer holds a whole number of rows above 0, not ${capacity}.`);
  const rings = Object.entries<number>(columns).map(([name, width]) => new Ring(name, width, capacity));
  let written = 0;
  return {
    get size() {
      return Math.min(written, capacity);
    },
    push(row) {
      const values: Readonly<Record<string, number | ArrayLike<number>>> = row;
      for (const ring of rings) ring.write(written % capacity, values[ring.name]);
      written++;
    },
    sample(count, rng) {
      if (written === 0)
        throw new UserProgramError('the replay buffer is empty: push rows before you sample.');
      const rows = Array.from({ length: count }, () => rng.int(Math.min(written, capacity)));
      // The record has exactly the columns that the rings were made from.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return Object.fromEntries(rings.map((ring) => [ring.name, ring.gather(rows)])) as Record<
        Column,
        Float32Array
      >;
    },
    save: () => ({ written, pages: Object.fromEntries(rings.map((ring) => [ring.name, ring.share()])) }),
    load(saved) {
      for (const ring of rings) ring.load(saved.pages[ring.name] ?? []);
      written = saved.written;
    },
  };
}

/** One column, in pages that are copied before the first write after a checkpoint. */
class Ring {
  readonly name: string;
  readonly #width: number;
  readonly #rowsPerPage: number;
  readonly #pages: Float32Array[];

  constructor(name: string, width: number, capacity: number) {
    if (!Number.isInteger(width) || width < 1)
      throw new UserProgramError(`column \`${name}\` has a whole number of values above 0, not ${width}.`);
    this.name = name;
    this.#width = width;
    const rowBytes = width * Float32Array.BYTES_PER_ELEMENT;
    const pageBytes = Math.max(pageBytesMin, (rowBytes * capacity) / pagesMax);
    this.#rowsPerPage = Math.min(capacity, Math.ceil(pageBytes / rowBytes));
    this.#pages = Array.from({ length: Math.ceil(capacity / this.#rowsPerPage) }, (_, at) => {
      const rows = Math.min(this.#rowsPerPage, capacity - at * this.#rowsPerPage);
      return new Float32Array(rows * width);
    });
  }

  write(row: number, value: number | ArrayLike<number> | undefined): void {
    const values = typeof value === 'number' ? [value] : value;
    if (values?.length !== this.#width) {
      throw new UserProgramError(
        `column \`${this.name}\` takes ${this.#width} numbers a row, not ${values?.length ?? 'none'}.`,
      );
    }
    const { page, offset } = this.#at(row);
    this.#writable(page).set(values, offset);
  }

  gather(rows: readonly number[]): Float32Array {
    const gathered = new Float32Array(rows.length * this.#width);
    rows.forEach((row, at) => {
      const { page, offset } = this.#at(row);
      const values = this.#pages[page]?.subarray(offset, offset + this.#width);
      if (values !== undefined) gathered.set(values, at * this.#width);
    });
    return gathered;
  }

  /** The pages as they are now. From here on they never change: a later write makes a new page. */
  share(): readonly Float32Array[] {
    for (const page of this.#pages) settle(page);
    return [...this.#pages];
  }

  load(saved: readonly Float32Array[]): void {
    const fits =
      saved.length === this.#pages.length &&
      saved.every((page, at) => page.length === this.#pages[at]?.length);
    if (!fits) {
      throw new UserProgramError(
        `column \`${this.name}\` of the replay buffer in the checkpoint has another size than here.`,
        { hint: 'Keep capacity and columns as they were, or fork and drop the buffer from `state`.' },
      );
    }
    saved.forEach((page, at) => {
      this.#pages[at] = page.slice();
    });
  }

  #at(row: number): { readonly page: number; readonly offset: number } {
    return { page: Math.floor(row / this.#rowsPerPage), offset: (row % this.#rowsPerPage) * this.#width };
  }

  #writable(page: number): Float32Array {
    const present = this.#pages[page] ?? new Float32Array(0);
    if (!isSettled(present)) return present;
    const copy = present.slice();
    this.#pages[page] = copy;
    return copy;
  }
}
