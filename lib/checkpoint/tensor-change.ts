import { assert } from '../base/assert.ts';
import { type SafetensorsDtype, widthOf } from '../contract/safetensors.ts';
import { tensorBits, tensorValues } from './tensor-values.ts';

/** How a tensor changed from A to B. Sums run over the elements that are finite on both sides (for `normA`: in A). */
export interface TensorChange {
  readonly elements: number;
  /** Elements with other bits. */
  readonly changedElements: number;
  /** ‖B − A‖₂ */
  readonly l2: number;
  /** ‖A‖₂ */
  readonly normA: number;
  /** ‖B − A‖₂ ÷ ‖A‖₂; null where A is zero throughout, or a norm is beyond what a double holds. */
  readonly relative: number | null;
  /** The largest |b − a|. */
  readonly maxAbs: number;
  readonly nan: { readonly a: number; readonly b: number };
  readonly infinite: { readonly a: number; readonly b: number };
}

interface TensorChangeParts {
  readonly elements: number;
  readonly changed: number;
  readonly squares: number;
  readonly squaresA: number;
  readonly maxAbs: number;
  readonly nan: TensorChange['nan'];
  readonly infinite: TensorChange['infinite'];
}

/** How a tensor changed, from the sums of its ranges. */
export function changeOfParts(sums: readonly TensorChangeSum[]): TensorChange {
  const parts = sums.map((sum) => sum.parts);
  const total = (valueOf: (part: TensorChangeParts) => number): number =>
    parts.reduce((sum, part) => sum + valueOf(part), 0);
  const l2 = Math.sqrt(total(({ squares }) => squares));
  const normA = Math.sqrt(total(({ squaresA }) => squaresA));
  return {
    elements: total(({ elements }) => elements),
    changedElements: total(({ changed }) => changed),
    l2,
    normA,
    relative: Number.isFinite(l2 / normA) ? l2 / normA : null,
    maxAbs: parts.reduce((max, part) => Math.max(max, part.maxAbs), 0),
    nan: { a: total(({ nan }) => nan.a), b: total(({ nan }) => nan.b) },
    infinite: { a: total(({ infinite }) => infinite.a), b: total(({ infinite }) => infinite.b) },
  };
}

/** Adds up how a range of one tensor changed. */
export class TensorChangeSum {
  readonly #dtype: SafetensorsDtype;
  #elements = 0;
  #changed = 0;
  #squares = 0;
  #squaresA = 0;
  #maxAbs = 0;
  readonly #nan = { a: 0, b: 0 };
  readonly #infinite = { a: 0, b: 0 };

  constructor(dtype: SafetensorsDtype) {
    this.#dtype = dtype;
  }

  /** Elements with other bits so far. */
  get changedElements(): number {
    return this.#changed;
  }

  /** The same whole elements of both sides. */
  add(a: Uint8Array, b: Uint8Array): void {
    assert(a.byteLength === b.byteLength, 'the same elements of two tensors have the same length');
    if (Buffer.compare(a, b) === 0) {
      this.addEqual(a);
      return;
    }
    const isWide = widthOf(this.#dtype) === 8;
    const [bitsA, bitsB] = [tensorBits(a, this.#dtype), tensorBits(b, this.#dtype)];
    const [valuesA, valuesB] = [tensorValues(a, this.#dtype), tensorValues(b, this.#dtype)];
    let [squares, squaresA, maxAbs, changed] = [0, 0, this.#maxAbs, 0];
    for (let at = 0; at < valuesA.length; at++) {
      const [x, y] = [valuesA[at] ?? 0, valuesB[at] ?? 0];
      const isSame = isWide
        ? bitsA[2 * at] === bitsB[2 * at] && bitsA[2 * at + 1] === bitsB[2 * at + 1]
        : bitsA[at] === bitsB[at];
      if (!isSame) changed++;
      const isFiniteA = Number.isFinite(x);
      if (isFiniteA) squaresA += x * x;
      if (!isFiniteA || !Number.isFinite(y)) {
        this.#countNonFinite(x, y);
      } else if (!isSame) {
        const difference = Math.abs(y - x);
        squares += difference * difference;
        if (difference > maxAbs) maxAbs = difference;
      }
    }
    this.#elements += valuesA.length;
    this.#changed += changed;
    this.#squares += squares;
    this.#squaresA += squaresA;
    this.#maxAbs = maxAbs;
  }

  /** Elements that are the same on both sides. */
  addEqual(a: Uint8Array): void {
    const values = tensorValues(a, this.#dtype);
    let squares = 0;
    for (let at = 0; at < values.length; at++) {
      const value = values[at] ?? 0;
      if (Number.isFinite(value)) squares += value * value;
      else this.#countNonFinite(value, value);
    }
    this.#squaresA += squares;
    this.#elements += values.length;
  }

  get parts(): TensorChangeParts {
    return {
      elements: this.#elements,
      changed: this.#changed,
      squares: this.#squares,
      squaresA: this.#squaresA,
      maxAbs: this.#maxAbs,
      nan: this.#nan,
      infinite: this.#infinite,
    };
  }

  #countNonFinite(a: number, b: number): void {
    if (Number.isNaN(a)) this.#nan.a++;
    else if (!Number.isFinite(a)) this.#infinite.a++;
    if (Number.isNaN(b)) this.#nan.b++;
    else if (!Number.isFinite(b)) this.#infinite.b++;
  }
}
