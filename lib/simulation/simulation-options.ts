import { UsageError } from '../base/errors.ts';
import type { SavePolicySpec } from '../contract/job-spec.ts';
import { chunkBytes } from '../contract/manifest.ts';

/** What is simulated: a job, the machines that it gets, and the network between them and the store. */
export interface SimulationOptions {
  /** Bytes of one checkpoint. */
  readonly stateBytes: number;
  /** Of the machine's network. @default 0.6e9, the baseline of a small GPU instance */
  readonly bandwidthBytesPerSecond: number;
  /** One step; only between two steps is anything saved. @default 0.3 */
  readonly stepSeconds: number;
  /** From the machine's first moment to its claim of the job: boot, runtime, worker. @default 90 */
  readonly bootSeconds: number;
  /** Share of interruptions without a notice. @default 0.05 */
  readonly missedShare: number;
  /** Between a notice and the machine's end. @default 120, as EC2 promises */
  readonly noticeSeconds: number;
  /** From the notice to the worker that has seen it: a poll a second, and its answer. @default 1 */
  readonly noticeSeenSeconds: number;
  /** What a save takes from training. @default 0.3 of copying the state within memory */
  readonly stallSeconds: number;
  /** Upload compared with the raw network. @default 1.08 */
  readonly uploadFactor: number;
  /** Download compared with the raw network. @default 1.1 */
  readonly downloadFactor: number;
  /** Of one request of the store. @default 0.05 */
  readonly requestSeconds: number;
  /** Kept free before the machine's end, as by the worker. @default 2 */
  readonly handOverSeconds: number;
  /** Before another worker may take the job of one that fell silent. @default 120, the visibility of a ticket */
  readonly silenceSeconds: number;
  /** What we save by; with nothing set, the adaptive policy. */
  readonly save: SavePolicySpec;
  /** USD an hour of a machine. @default 0.3 */
  readonly usdPerInstanceHour: number;
  /** USD of a PUT or POST. @default 0.000005, S3 Standard in most regions */
  readonly usdPerWrite: number;
  /** USD of a GET. @default 0.0000004 */
  readonly usdPerRead: number;
  /** Decides which notices are missed. @default 1 */
  readonly seed: number;
  /** Only ours, where nobody asks how others would do. @default false */
  readonly onlyOurs: boolean;
  /** How often each trace is run, each time with other notices missed. @default 5 */
  readonly repeats: number;
}

/** Copying within memory, for what a save takes from training. */
const memcpyBytesPerSecond = 8.9e9;
const stallShareOfCopy = 0.3;

/**
 * The defaults above for what is not given.
 * @throws UsageError where nothing could ever be saved, or a step takes no time
 */
export function simulationOptions(
  given: Partial<SimulationOptions> & Pick<SimulationOptions, 'stateBytes'>,
): SimulationOptions {
  const options = {
    bandwidthBytesPerSecond: 0.6e9,
    stepSeconds: 0.3,
    bootSeconds: 90,
    missedShare: 0.05,
    noticeSeconds: 120,
    noticeSeenSeconds: 1,
    stallSeconds: (stallShareOfCopy * given.stateBytes) / memcpyBytesPerSecond,
    uploadFactor: 1.08,
    downloadFactor: 1.1,
    requestSeconds: 0.05,
    handOverSeconds: 2,
    silenceSeconds: 120,
    save: {},
    usdPerInstanceHour: 0.3,
    usdPerWrite: 0.000_005,
    usdPerRead: 0.000_000_4,
    seed: 1,
    onlyOurs: false,
    repeats: 5,
    ...given,
  };
  for (const name of ['stateBytes', 'bandwidthBytesPerSecond', 'stepSeconds'] as const) {
    if (!(options[name] > 0)) throw new UsageError(`a simulation without ${words[name]} has no end.`);
  }
  return options;
}

const words = {
  stateBytes: 'any bytes to save',
  bandwidthBytesPerSecond: 'any bandwidth',
  stepSeconds: 'any time for a step',
} as const;

/** Requests one after another that end a save: manifest, journal entry, hint; and a first round trip of the chunks. */
const roundTripsOfSave = 4;
/** Before the first chunk of a restore: hint, journal, manifest; and its own round trip. */
const roundTripsOfRestore = 4;
/** Node.js, the client of the store and TensorFlow.js, as far as their start does not overlap the download. */
const restoreFixedSeconds = 0.4;

/** From the snapshot to the journal, on a free network. */
export function flushSecondsOf(options: SimulationOptions): number {
  const { stateBytes, bandwidthBytesPerSecond, uploadFactor, requestSeconds } = options;
  return (stateBytes / bandwidthBytesPerSecond) * uploadFactor + roundTripsOfSave * requestSeconds;
}

/** From the claim to the first step, where there is something to restore. */
export function restoreSecondsOf(options: SimulationOptions): number {
  const { stateBytes, bandwidthBytesPerSecond, downloadFactor, requestSeconds } = options;
  const download = (stateBytes / bandwidthBytesPerSecond) * downloadFactor;
  return download + roundTripsOfRestore * requestSeconds + restoreFixedSeconds;
}

/** Between two heartbeats: what a machine that falls silent has told at the latest. */
const heartbeatSeconds = 30;

/** The step that the last heartbeat told of a machine that was lost at `step`. */
export function heardStepOf(step: number, { stepSeconds }: SimulationOptions): number {
  return Math.max(0, step - Math.floor(heartbeatSeconds / 2 / stepSeconds));
}

export function chunksOf({ stateBytes }: SimulationOptions): number {
  return Math.ceil(stateBytes / chunkBytes);
}

/** Of a restore: every chunk, and what leads to them. */
export function requestsOfRestore(options: SimulationOptions): number {
  return chunksOf(options) + roundTripsOfRestore;
}
