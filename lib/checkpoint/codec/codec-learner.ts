import type { Codec } from '../../contract/manifest.ts';
import { type ChunkMeasurement, chooseCodec, type CodecChooser, type SaveOccasion } from './choose-codec.ts';
import { codecToWrite, type PlaneCodec } from './entropy.ts';

export interface CodecLearnerOptions {
  /**
   * Of the store. Only S3 lies behind a line. A folder is as fast as the disk, faster than any codec on the cores that
   * train beside it, and whoever looks into it finds plain chunks, the same in every run.
   */
  readonly storeUri: string;
  /** @default what this Node.js writes best */
  readonly codec?: PlaneCodec;
}

export interface SaveFacts {
  readonly occasion: SaveOccasion;
  /** Puts in flight at once. */
  readonly lanes: number;
  /** Threads that encode for this save. Where others need their cores, encoding takes longer, and that is measured. */
  readonly cores: number;
}

/** Weight of a new measurement among many: some seven chunks, 56 MiB, change a mind. */
const weightMin = 0.15;
/** A chunk below this measures the latency of requests, not a rate. */
const measuredBytesMin = 1024 * 1024;
/** Trials at first, every other chunk: the first ones in each thread are slow, since nothing is compiled yet. */
const firstTrials = 8;
/** Chunks between later trials of a codec that is not in use: 1 in 64 costs the cores less than two percent. */
const chunksBetweenTrials = 64;

/** What a worker process has learned about its line and its codec, from save to save. */
export class CodecLearner {
  readonly #codec: PlaneCodec;
  readonly #hasLine: boolean;
  readonly #networkMsPerByte = new Average();
  readonly #encodeMsPerByte = new Average();
  readonly #storedShare = new Average();
  #chunksSinceTrial = 0;

  constructor({ storeUri, codec = codecToWrite }: CodecLearnerOptions) {
    this.#codec = codec;
    this.#hasLine = storeUri.startsWith('s3:');
  }

  /** For one save. */
  chooser(save: SaveFacts): CodecChooser {
    return {
      choose: ({ bytes }) => (this.#hasLine ? this.#choose(save, bytes) : 'none'),
      measured: (chunk) => this.#learn(save, chunk),
    };
  }

  #choose({ occasion, cores }: SaveFacts, bytes: number): Codec {
    const trials = this.#encodeMsPerByte.count;
    const isProven = occasion === 'background' || trials >= firstTrials;
    const decided = chooseCodec({
      codec: this.#codec,
      occasion,
      cores,
      networkBytesPerSecond: perSecond(this.#networkMsPerByte.value),
      encodeBytesPerSecond: isProven ? perSecond(this.#encodeMsPerByte.value) : undefined,
      storedShare: this.#storedShare.value,
    });
    if (decided !== 'none') return decided;
    this.#chunksSinceTrial += 1;
    const isDue = this.#chunksSinceTrial > (trials < firstTrials ? 1 : chunksBetweenTrials - 1);
    const isFree = occasion === 'background' && cores > 0 && this.#networkMsPerByte.count > 0;
    if (!isDue || !isFree || bytes < measuredBytesMin) return 'none';
    this.#chunksSinceTrial = 0;
    return this.#codec;
  }

  #learn({ lanes }: SaveFacts, chunk: ChunkMeasurement): void {
    const { codec, rawBytes, storedBytes, encodeMs, putMs } = chunk;
    if (rawBytes < measuredBytesMin) return;
    // As if all lanes had been in use. Where the cores keep lanes empty this says too much, which speaks for `none`, and
    // that fills the lanes again: a line is never taken for slow because encoding was.
    if (putMs > 0) this.#networkMsPerByte.add(putMs / (lanes * storedBytes));
    if (codec === 'none' || encodeMs <= 0) return;
    this.#encodeMsPerByte.add(encodeMs / rawBytes);
    this.#storedShare.add(storedBytes / rawBytes);
  }
}

/** The mean of the first values, then one that follows. */
class Average {
  value: number | undefined;
  count = 0;

  add(value: number): void {
    this.count += 1;
    const weight = Math.max(weightMin, 1 / this.count);
    this.value = (this.value ?? 0) * (1 - weight) + value * weight;
  }
}

function perSecond(msPerByte: number | undefined): number | undefined {
  return msPerByte === undefined ? undefined : 1_000 / msPerByte;
}
