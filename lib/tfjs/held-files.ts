/** A snapshot by reference: tensors are immutable, so holding their data keeps the instant while training goes on. */
import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { assert } from '../base/assert.ts';
import type { PlacedTensor } from '../contract/safetensors.ts';
import type { HeldFile, HeldPiece } from '../training/state.ts';
import type { TensorFlow } from './backend.ts';
import type { LiveTensor } from './entries/entry.ts';
import type { FileLayouts, IndexedSpec } from './file-layouts.ts';
import {
  type EngineFields,
  type HoldingBackend,
  isNativeBackend,
  isWasmBackend,
  seenAs,
} from './private-fields.ts';
import { bytesOf } from './tensor-data.ts';
import { assertAllocated } from './wasm-memory.ts';

/** Tensors below `aloneFrom` are gathered into pieces: thousands of biases must not become thousands of writes. */
const gatheredBytesMax = 1024 * 1024;
/** A piece is read in one go, and reading a tensor from a device costs some ten microseconds whatever its size. */
const gatheredTensorsMax = 64;
/** Larger tensors are a piece each, given away without a copy where the backend allows. */
const aloneFrom = 64 * 1024;

/** What the data of one tensor is read from, until it is given back. */
interface Held {
  readonly info: TensorInfo;
  readonly backend: HoldingBackend;
}

type Source = Pick<HeldPiece, 'read' | 'view'>;
type Placed = PlacedTensor<IndexedSpec>;

/** Holds tensors until `release`, and lays them out as files. */
export class HeldTensors {
  readonly #engine: EngineFields;
  readonly #layouts: FileLayouts;
  #held: Held[] = [];
  #isReleased = false;

  constructor(tf: TensorFlow, layouts: FileLayouts) {
    this.#engine = seenAs(tf.engine());
    this.#layouts = layouts;
  }

  /**
   * Some tenths of a microsecond per tensor: pieces are made when they are asked for.
   * @throws UserProgramError when two tensors have one name, or one has a type that cannot be stored
   */
  file(path: string, tensors: readonly LiveTensor[]): HeldFile {
    const layout = this.#layouts.of(path, tensors);
    const data = tensors.map((live) => ('array' in live ? live.array : this.#hold(live)));
    let pieces: readonly HeldPiece[] | undefined;
    const sourceOf = ({ spec }: Placed): Source => this.#source(spec, data[spec.index]);
    return {
      path,
      bytes: layout.bytes,
      get pieces() {
        pieces ??= [fixedPiece(layout.header), ...piecesOf(layout.tensors, sourceOf)];
        return pieces;
      },
    };
  }

  release(): void {
    this.#isReleased = true;
    const held = this.#held;
    this.#held = [];
    for (const { info, backend } of held) {
      // The last owner of data makes the engine forget it, as the engine does for tensors of its own.
      if (backend.disposeData(info.dataId)) this.#engine.removeDataId(info.dataId, backend);
    }
  }

  /** Without a tensor object of the engine: making and tracking one costs several times the reference itself. */
  #hold({ name, tensor }: { readonly name: string; readonly tensor: Tensor }): Held {
    const { dataId, shape, dtype } = tensor;
    const backend = this.#engine.state.tensorInfo.get(dataId)?.backend;
    assert(backend !== undefined, 'a tensor of the state has data', { tensor: name });
    if (isWasmBackend(backend)) assertAllocated(backend, tensor);
    backend.incRef(dataId);
    const held = { info: { dataId, shape, dtype }, backend };
    this.#held.push(held);
    return held;
  }

  #source({ name, dtype }: IndexedSpec, data: Held | ArrayBufferView | undefined): Source {
    assert(data !== undefined, 'a layout is that of its tensors', { tensor: name });
    if (ArrayBuffer.isView(data))
      return fixedSource(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const { info, backend } = data;
    const given = (give: () => ArrayLike<number>) => (): Uint8Array => {
      assert(!this.#isReleased, 'a held tensor is read before its release', { tensor: name });
      return bytesOf(give(), dtype);
    };
    if (isWasmBackend(backend)) {
      const view = given(() => backend.typedArrayFromHeap(info));
      // The heap may grow and detach every view of it; only a copy stays valid while training goes on.
      return { view, read: () => view().slice() };
    }
    const read = given(() => backend.readSync(info.dataId));
    // A native backend copies from the device at each read.
    if (isNativeBackend(backend)) return { read };
    // That of plain JavaScript gives the array itself, or, where the array is of another type, makes one that is kept.
    let bytes: Uint8Array | undefined;
    const view = (): Uint8Array => (bytes ??= read());
    return { read: view, view };
  }
}

/** A file whose bytes are at hand. */
export function fixedFile(path: string, bytes: Uint8Array): HeldFile {
  return { path, bytes: bytes.length, pieces: [fixedPiece(bytes)] };
}

function fixedPiece(bytes: Uint8Array): HeldPiece {
  return { bytes: bytes.length, ...fixedSource(bytes) };
}

function fixedSource(bytes: Uint8Array): Source {
  const read = (): Uint8Array => bytes;
  return { read, view: read };
}

function piecesOf(tensors: readonly Placed[], sourceOf: (placed: Placed) => Source): readonly HeldPiece[] {
  const pieces: HeldPiece[] = [];
  let gathered: Placed[] = [];
  let size = 0;
  const flush = (): void => {
    if (gathered.length > 0) pieces.push(gatheredPiece(gathered.map(sourceOf), size));
    gathered = [];
    size = 0;
  };
  for (const placed of tensors) {
    const { bytes } = placed;
    const isAlone = bytes >= aloneFrom;
    if (isAlone || size + bytes > gatheredBytesMax || gathered.length === gatheredTensorsMax) flush();
    if (isAlone) pieces.push({ bytes, ...sourceOf(placed) });
    else {
      gathered.push(placed);
      size += bytes;
    }
  }
  flush();
  return pieces;
}

function gatheredPiece(sources: readonly Source[], bytes: number): HeldPiece {
  return {
    bytes,
    read() {
      const piece = new Uint8Array(bytes);
      let at = 0;
      for (const { view, read } of sources) {
        const part = (view ?? read)();
        piece.set(part, at);
        at += part.length;
      }
      return piece;
    },
  };
}
