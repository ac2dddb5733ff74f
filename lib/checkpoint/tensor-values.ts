import { type SafetensorsDtype, widthOf } from '../contract/safetensors.ts';

/**
 * The values of elements in the safetensors format, as numbers. Integers of 64 bits beyond 2^53 lose their last digits.
 * @param bytes whole elements, little-endian
 */
export function tensorValues(bytes: Uint8Array, dtype: SafetensorsDtype): ArrayLike<number> {
  switch (dtype) {
    case 'F64':
      return new Float64Array(...span(bytes, 8));
    case 'F32':
      return new Float32Array(...span(bytes, 4));
    case 'I64':
      return Float64Array.from(new BigInt64Array(...span(bytes, 8)), Number);
    case 'U64':
      return Float64Array.from(new BigUint64Array(...span(bytes, 8)), Number);
    case 'I32':
      return new Int32Array(...span(bytes, 4));
    case 'U32':
      return new Uint32Array(...span(bytes, 4));
    case 'I16':
      return new Int16Array(...span(bytes, 2));
    case 'U16':
      return new Uint16Array(...span(bytes, 2));
    case 'I8':
      return new Int8Array(...span(bytes, 1));
    case 'U8':
    case 'BOOL':
      return bytes;
    case 'F16':
    case 'BF16':
      return looked(new Uint16Array(...span(bytes, 2)), valuesOf(dtype));
    case 'F8_E5M2':
    case 'F8_E4M3':
      return looked(bytes, valuesOf(dtype));
  }
}

/**
 * The bits of elements, for comparing them exactly: a NaN equals itself, and 0 differs from −0. Elements of eight bytes
 * are two words each.
 */
export function tensorBits(bytes: Uint8Array, dtype: SafetensorsDtype): ArrayLike<number> {
  const width = widthOf(dtype);
  if (width === 1) return bytes;
  return width === 2 ? new Uint16Array(...span(bytes, 2)) : new Uint32Array(...span(bytes, 4));
}

/** What a typed array is made of; the bytes are copied where they do not lie on a multiple of the width. */
function span(bytes: Uint8Array, width: number): [buffer: ArrayBufferLike, offset: number, length: number] {
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  return [aligned.buffer, aligned.byteOffset, aligned.byteLength / width];
}

function looked(bits: Uint8Array | Uint16Array, table: Float32Array): Float32Array {
  const values = new Float32Array(bits.length);
  for (let at = 0; at < bits.length; at++) values[at] = table[bits[at] ?? 0] ?? Number.NaN;
  return values;
}

interface SmallFloat {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  /** False: the format keeps its largest exponent for numbers, and has one NaN only (all bits set). */
  readonly hasInfinity: boolean;
}

type SmallDtype = 'F16' | 'BF16' | 'F8_E5M2' | 'F8_E4M3';

/** IEEE 754 half precision, bfloat16, and the two eight-bit formats of arXiv 2209.05433. */
const smallFloats: Readonly<Record<SmallDtype, SmallFloat>> = {
  F16: { exponentBits: 5, mantissaBits: 10, hasInfinity: true },
  BF16: { exponentBits: 8, mantissaBits: 7, hasInfinity: true },
  F8_E5M2: { exponentBits: 5, mantissaBits: 2, hasInfinity: true },
  F8_E4M3: { exponentBits: 4, mantissaBits: 3, hasInfinity: false },
};

/** At most 65,536 values a format, made when one is met. */
const tables = new Map<SmallDtype, Float32Array>();

/** The value of every pattern of bits. Each is a float32 exactly. */
function valuesOf(dtype: SmallDtype): Float32Array {
  const made = tables.get(dtype);
  if (made !== undefined) return made;
  const format = smallFloats[dtype];
  const count = 2 ** (1 + format.exponentBits + format.mantissaBits);
  const table = Float32Array.from({ length: count }, (_, bits) => valueOf(bits, format));
  tables.set(dtype, table);
  return table;
}

function valueOf(bits: number, { exponentBits, mantissaBits, hasInfinity }: SmallFloat): number {
  const mantissaCount = 2 ** mantissaBits;
  const exponentMax = 2 ** exponentBits - 1;
  const mantissa = bits % mantissaCount;
  const exponent = Math.floor(bits / mantissaCount) % (exponentMax + 1);
  const sign = bits >= mantissaCount * (exponentMax + 1) ? -1 : 1;
  if (exponent === exponentMax) {
    if (hasInfinity) return mantissa === 0 ? sign * Infinity : Number.NaN;
    if (mantissa === mantissaCount - 1) return Number.NaN;
  }
  const bias = 2 ** (exponentBits - 1) - 1;
  const isSubnormal = exponent === 0;
  const fraction = mantissa / mantissaCount + (isSubnormal ? 0 : 1);
  return sign * fraction * 2 ** ((isSubnormal ? 1 : exponent) - bias);
}
