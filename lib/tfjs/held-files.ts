/** A snapshot by reference: tensors are immutable, so holding their data keeps the instant while training goes on. */
import type { Tensor } from '@tensorflow/tfjs';
import { assert } from '../base/assert.ts';
import { UserProgramError } from '../base/errors.ts';
import type { HeldFile, HeldPiece } from '../training/state.ts';
import type { TensorFlow } from './backend.ts';
import type { LiveTensor } from './entries/entry.ts';
import { type EngineFields, isWasmBackend, seenAs } from './private-fields.ts';
import { layoutSafetensors, type PlacedTensor, type TensorSpec } from '../contract/safetensors.ts';
import { arrayDtype, bytesOf, storedDtype } from './tensor-data.ts';
import { assertAllocated } from './wasm-memory.ts';

/** Tensors below this are gathered into pieces of up to this size: thousands of biases must not become thousands of writes. */
const gatheredBytesMax = 1024 * 1024;
/** Larger tensors are a piece each, read without a copy where the backend allows. */
const aloneFrom = 64 * 1024;

interface HeldSpec extends TensorSpec {
  readonly read: () => Uint8Array;
  readonly view?: () => Uint8Array;
}

/** Holds tensors until `release`, and lays them out as files. */
export class HeldTensors {
  readonly #tf: TensorFlow;
  readonly #engine: EngineFields;
  readonly #held: Tensor[] = [];

  constructor(tf: TensorFlow) {
    this.#tf = tf;
    this.#engine = seenAs(tf.engine());
  }

  /** @throws UserProgramError when two tensors have one name */
  file(path: string, tensors: readonly LiveTensor[]): HeldFile {
    const names = new Set<string>();
    const specs = tensors.map((live) => {
      if (names.has(live.name)) throw twoOfOneName(path, live.name);
      names.add(live.name);
      return 'array' in live ? arraySpec(live) : this.#hold(live);
    });
    const layout = layoutSafetensors(specs);
    return {
      path,
      bytes: layout.bytes,
      pieces: [fixedPiece(layout.header), ...piecesOf(layout.tensors)],
    };
  }

  release(): void {
    for (const tensor of this.#held.splice(0)) tensor.dispose();
  }

  #hold({ name, tensor }: { readonly name: string; readonly tensor: Tensor }): HeldSpec {
    const dtype = storedDtype(tensor.dtype, name);
    const backend = this.#engine.state.tensorInfo.get(tensor.dataId)?.backend;
    assert(backend !== undefined, 'a tensor of the state has data', { tensor: name });
    if (isWasmBackend(backend)) assertAllocated(backend, tensor);
    backend.incRef(tensor.dataId);
    const { dataId, shape } = tensor;
    const held = this.#tf.keep(
      this.#engine.makeTensorFromTensorInfo({ dataId, shape, dtype: tensor.dtype }, backend),
    );
    this.#held.push(held);
    const present = (): Tensor => {
      assert(!held.isDisposed, 'a held tensor is read before its release', { tensor: name });
      return held;
    };
    if (!isWasmBackend(backend))
      return { name, dtype, shape, read: () => bytesOf(present().dataSync(), dtype) };
    // The heap may grow and detach every view of it; only a copy stays valid while training goes on.
    const view = (): Uint8Array => bytesOf(backend.typedArrayFromHeap(present()), dtype);
    return { name, dtype, shape, view, read: () => view().slice() };
  }
}

/** A file whose bytes are at hand. */
export function fixedFile(path: string, bytes: Uint8Array): HeldFile {
  return { path, bytes: bytes.length, pieces: [fixedPiece(bytes)] };
}

function fixedPiece(bytes: Uint8Array): HeldPiece {
  return { bytes: bytes.length, read: () => bytes };
}

function arraySpec({ name, array }: Extract<LiveTensor, { readonly array: unknown }>): HeldSpec {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  return { name, dtype: arrayDtype(array), shape: [array.length], read: () => bytes };
}

function piecesOf(tensors: readonly PlacedTensor<HeldSpec>[]): readonly HeldPiece[] {
  const pieces: HeldPiece[] = [];
  let gathered: PlacedTensor<HeldSpec>[] = [];
  let size = 0;
  const flush = (): void => {
    if (gathered.length > 0) pieces.push(gatheredPiece(gathered, size));
    gathered = [];
    size = 0;
  };
  for (const placed of tensors) {
    const isAlone = placed.bytes >= aloneFrom;
    if (isAlone || size + placed.bytes > gatheredBytesMax) flush();
    if (isAlone) {
      const { read, view } = placed.spec;
      pieces.push({ bytes: placed.bytes, read, ...(view !== undefined && { view }) });
    } else {
      gathered.push(placed);
      size += placed.bytes;
    }
  }
  flush();
  return pieces;
}

function gatheredPiece(tensors: readonly PlacedTensor<HeldSpec>[], bytes: number): HeldPiece {
  return {
    bytes,
    read() {
      const piece = new Uint8Array(bytes);
      let at = 0;
      for (const { spec, bytes: length } of tensors) {
        piece.set((spec.view ?? spec.read)(), at);
        at += length;
      }
      return piece;
    },
  };
}

function twoOfOneName(path: string, name: string): UserProgramError {
  return new UserProgramError(`two tensors are called ${name} in ${path}.`, {
    hint: 'Give layers and variables explicit names that differ.',
  });
}
