import type { Codec } from '../../contract/manifest.ts';
import { type ChunkMeasurement, chooseCodec, type CodecChooser, type SaveOccasion } from './choose-codec.ts';
import { codecToWrite, type PlaneCodec } from './entropy.ts';

export interface CodecLearnerOptions {
  /** Of the store. Behind anything but S3 there is no line that fewer bytes would relieve. */
  readonly storeUri: string;
  /** `none`: the job wants its chunks as they are. @default auto */
  readonly setting?: 'auto' | 'none' | undefined;
  /** @default what this Node.js writes best */
  readonly codec?: PlaneCodec;
}

export interface SaveFacts {
  readonly occasion: SaveOccasion;
  /** Puts in flight at once. */
  readonly lanes: number;
  /** Cores that may work for this save: its threads, as far as nobody else needs their cores. */
  readonly cores: number;
}

/** Weight of a new measurement: some ten chunks, 80 MiB, change a mind. */
const weight = 0.15;
/** A chunk below this measures the latency of requests, not a rate. */
const measuredBytesMin = 1024 * 1024;
/** Chunks after which a codec that is not in use is tried once more: 1 in 64 costs the cores less than a percent. */
const chunksBetweenTrials = 64;
/** Trials before an emergency may rely on them. */
const emergencyTrialsMin = 4;

/** What a worker process has learned about its line and its codec, from save to save. */
export class CodecLearner {
  readonly #codec: PlaneCodec;
  readonly #isOpen: boolean;
  #networkMsPerByte: number | undefined;
  #encodeMsPerByte: number | undefined;
  #storedShare: number | undefined;
  #trials = 0;
  #chunksSinceTrial = chunksBetweenTrials;

  constructor({ storeUri, setting = 'auto', codec = codecToWrite }: CodecLearnerOptions) {
    this.#codec = codec;
    this.#isOpen = setting === 'auto' && storeUri.startsWith('s3:');
  }

  /** For one save. */
  chooser(save: SaveFacts): CodecChooser {
    return {
      choose: ({ bytes }) => (this.#isOpen ? this.#choose(save, bytes) : 'none'),
      measured: (chunk) => this.#learn(save, chunk),
    };
  }

  #choose(save: SaveFacts, bytes: number): Codec {
    const { occasion, cores } = save;
    const isProven = occasion !== 'emergency' || this.#trials >= emergencyTrialsMin;
    const decided = chooseCodec({
      codec: this.#codec,
      occasion,
      cores,
      networkBytesPerSecond: perSecond(this.#networkMsPerByte),
      encodeBytesPerSecond: isProven ? perSecond(this.#encodeMsPerByte) : undefined,
      storedShare: this.#storedShare,
    });
    if (decided !== 'none') return decided;
    this.#chunksSinceTrial += 1;
    const isTrial =
      occasion === 'background' &&
      cores > 0 &&
      bytes >= measuredBytesMin &&
      this.#chunksSinceTrial > (this.#trials < emergencyTrialsMin ? 1 : chunksBetweenTrials);
    if (!isTrial) return 'none';
    this.#chunksSinceTrial = 0;
    return this.#codec;
  }

  #learn(save: SaveFacts, chunk: ChunkMeasurement): void {
    const { codec, rawBytes, storedBytes, encodeMs, putMs } = chunk;
    if (rawBytes < measuredBytesMin) return;
    // As if all lanes had been in use. Where the cores keep lanes empty this says too much, which speaks for `none`, and
    // that fills the lanes again: a line is never taken for slow because encoding was.
    if (putMs > 0) {
      this.#networkMsPerByte = mixed(this.#networkMsPerByte, putMs / (save.lanes * storedBytes));
    }
    if (codec === 'none' || encodeMs <= 0) return;
    this.#trials += 1;
    this.#encodeMsPerByte = mixed(this.#encodeMsPerByte, encodeMs / rawBytes);
    this.#storedShare = mixed(this.#storedShare, storedBytes / rawBytes);
  }
}

function perSecond(msPerByte: number | undefined): number | undefined {
  return msPerByte === undefined ? undefined : 1_000 / msPerByte;
}

function mixed(before: number | undefined, now: number): number {
  return before === undefined ? now : before * (1 - weight) + now * weight;
}
