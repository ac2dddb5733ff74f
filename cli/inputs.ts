/** What each command is given, once its options have been parsed. Durations are milliseconds, amounts bytes. */
import type { SimulationOptions } from '../lib/simulation/simulation-options.ts';

export interface SubmitInput {
  /** The program's file; with `--command` the command's first word. */
  readonly program: string | undefined;
  /** With `--command`: the command's other words. */
  readonly words: readonly string[];
  readonly command: boolean;
  readonly name?: string;
  readonly id?: string;
  readonly set: readonly string[];
  readonly input: readonly string[];
  readonly env: readonly string[];
  readonly saveEvery: readonly string[];
  readonly omit: readonly string[];
  readonly keep: readonly string[];
  readonly seed?: string;
  readonly backend?: string;
  readonly owner?: string;
  readonly preset?: string;
  readonly checkpoints?: string;
  readonly complete?: string;
  readonly stepPattern?: string;
  readonly onNotice?: string;
  readonly onSave?: string;
  readonly dryRun: boolean;
  /** Writes the bundled program here and queues nothing. */
  readonly bundle?: string;
  /** Asks AWS for prices before the job is queued. */
  readonly estimate: boolean;
}

export interface JobInput {
  readonly jobId: string;
}

export interface CheckpointInput extends JobInput {
  /** As typed: an id, `step120`, `latest` or `best`. */
  readonly checkpoint: string;
}

export interface DiffCheckpointsInput extends JobInput {
  /** Names of checkpoints as typed. */
  readonly a: string;
  readonly b: string;
  /** Job that B belongs to; the same one unless given. */
  readonly with?: string;
}

export interface PruneInput extends JobInput {
  /** As typed; none: what the keep policy drops. */
  readonly checkpoints: readonly string[];
  /** A keep policy in place of the job's own. */
  readonly keep: readonly string[];
  /** Deletes; else only shows. */
  readonly yes: boolean;
  readonly wait: boolean;
}

export interface VerifyCheckpointsInput extends JobInput {
  /** As typed; none: the newest. */
  readonly checkpoints: readonly string[];
  /** Every checkpoint that is kept. */
  readonly all: boolean;
  /** Lifts the quarantine of what is whole. */
  readonly lift: boolean;
  /** Quarantines what is damaged. */
  readonly quarantine: boolean;
}

export interface ExportCheckpointInput extends JobInput {
  /** The folder, with a checkpoint's name before it or not. */
  readonly words: readonly string[];
  readonly format: string;
  readonly state?: string;
  readonly weights?: string;
  /** Also a quarantined one. */
  readonly force?: boolean;
}

export interface VerifyInput {
  /** The program's file. */
  readonly program: string;
  readonly set: readonly string[];
  readonly input: readonly string[];
  readonly steps?: number;
  readonly interruptions?: number;
  readonly seed: number;
  readonly backend?: string;
  readonly svg?: string;
}

export interface RehearseInput {
  /** A file, or the id of a job. */
  readonly subject: string;
  /** A name, or a file. */
  readonly scenario: string;
  readonly set: readonly string[];
  readonly input: readonly string[];
  readonly seed?: number;
  readonly backend?: string;
  /** Folder of the rehearsal's own region, which stays; without one it is temporary. */
  readonly into?: string;
  readonly svg?: string;
  readonly limitMs: number;
}

export interface LogsInput extends JobInput {
  readonly follow: boolean;
  readonly lost: boolean;
}

export interface RequestInput extends JobInput {
  readonly wait: boolean;
}

export interface RetryInput {
  readonly jobId: string | undefined;
  /** Id of a message instead. */
  readonly deadLetter?: string;
  readonly wait: boolean;
}

export interface ResumeInput extends RequestInput {
  readonly program?: string;
  readonly set: readonly string[];
  /** Another keep policy; empty: the one that the job has. */
  readonly keep: readonly string[];
  readonly from?: string;
}

export interface ForkInput {
  /** `JOB` or `JOB@CHECKPOINT`. */
  readonly from: string;
  readonly set: readonly string[];
  readonly env: readonly string[];
  readonly saveEvery: readonly string[];
  readonly program?: string;
  readonly name?: string;
  readonly id?: string;
  readonly seed?: string;
  readonly keep?: string;
  readonly owner?: string;
  readonly dryRun: boolean;
}

export interface SweepInput {
  readonly file: string;
  readonly saveEvery: readonly string[];
  readonly owner?: string;
  /** Only shows how its points stand. */
  readonly status: boolean;
  readonly dryRun: boolean;
  /** However many points there are. */
  readonly yes: boolean;
}

export interface WorkerInput {
  readonly workDir?: string;
  /** Ends with 0 once the queue is empty. */
  readonly once: boolean;
  /** Address of the metadata service, or `none`. */
  readonly imds?: string;
  readonly heartbeatMs?: number;
  readonly visibilityMs?: number;
  readonly idleExitMs?: number;
  /** Name of the Auto Scaling group that the instance belongs to. */
  readonly autoScalingGroup?: string;
}

export interface DemoInput {
  /** Leaves the folder of the demo's region behind. */
  readonly keep: boolean;
}

export interface LocalInput {
  readonly workers: number;
  readonly noticeMs: number;
  readonly heartbeatMs: number;
  readonly visibilityMs: number;
  readonly bandwidthBytesPerSecond?: number;
  readonly interruptEveryMs?: number;
  /** False: machines are killed without a notice. */
  readonly notice: boolean;
  readonly seed?: number;
}

export interface InterruptInput {
  readonly jobId?: string;
  readonly instance?: string;
  /** Without notice; only in a local region. */
  readonly kill: boolean;
  readonly noticeMs?: number;
  /** Asks nobody. */
  readonly yes: boolean;
}

export interface SimulateInput {
  readonly trace: readonly string[];
  readonly tracesDir?: string;
  /** What a 1 stands for in recordings of zeros and ones. */
  readonly ones?: 'available' | 'unavailable';
  readonly saveEvery: readonly string[];
  readonly svg?: string;
  readonly options: Partial<SimulationOptions> & Pick<SimulationOptions, 'stateBytes'>;
}

export interface CostInput extends JobInput {
  /** USD an hour of every machine, instead of the market's prices. */
  readonly usdPerHour?: number;
}
