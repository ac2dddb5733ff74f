/**
 * holdfast/training: everything a training program imports.
 *
 * A program is one object, `defineTraining({ params, setup })`, exported as the file's default. `setup` builds the model
 * and returns what changes (`state`), what it learns from (`data`), one update (`step`) and when to end (`until`).
 * The runtime owns the loop, the order of the data, all randomness and every checkpoint.
 */

/** What a tfjs tensor offers here. Structural, so that any flavour and copy of TensorFlow.js fits. */
export interface TensorLike {
  readonly shape: readonly number[];
  readonly dtype: string;
  dispose(): void;
}
export interface VariableLike extends TensorLike {
  readonly name: string;
  assign(value: TensorLike): void;
}
export interface LayerLike {
  readonly name: string;
  readonly weights: ReadonlyArray<{
    readonly name: string;
    read(): TensorLike;
    write(value: TensorLike): unknown;
  }>;
}
export interface LayersModelLike extends LayerLike {
  readonly layers: readonly LayerLike[];
  trainOnBatch(...batch: never): Promise<number | number[]>;
}
export interface OptimizerLike {
  readonly iterations: number;
  applyGradients(gradients: never): void;
}
/** JSON, and the values that JSON drops: `undefined`, NaN, ±Infinity, −0, bigint, Map, Set and Date come back as they were. */
export type Plain =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Date
  | readonly Plain[]
  | ReadonlyMap<Plain, Plain>
  | ReadonlySet<Plain>
  | { readonly [name: string]: Plain };
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/** State that knows how to save itself: an environment, a tokenizer being learned, a scheduler, a replay buffer. */
export interface Stateful<Saved = unknown> {
  /** Called between steps. Must be synchronous; what it returns is copied before the next step runs. */
  save(): Saved;
  load(saved: Saved): void;
}

/**
 * What `state` may hold, recognised by what it can do:
 * - a LayersModel: all weights, BatchNorm statistics, states of stateful RNN layers, and **its compiled optimizer**;
 * - one layer or several: only theirs (a head on a backbone that never changes);
 * - an optimizer: every private field, slots keyed by variable name;
 * - a variable or several: EMA shadows, loss scale, a table of your own;
 * - a typed array: copied at each snapshot (for large ring buffers use `replayBuffer`, which copies only what changed);
 * - a `Stateful`; or a plain object, restored **in place**, so that closures keep seeing it.
 * The same object under two names is stored once.
 */
export type StateEntry =
  | LayersModelLike
  | LayerLike
  | readonly LayerLike[]
  | OptimizerLike
  | VariableLike
  | readonly VariableLike[]
  | TypedArray
  | Stateful<never>
  | Stateful
  | { [name: string]: Plain };

/** Random numbers that are a function of a key, not of what was drawn before. */
export interface Rng {
  /** Uniform in [0, 1), 53 bits. */
  next(): number;
  /** Uniform integer in [0, bound). */
  int(bound: number): number;
  /** Standard normal. */
  normal(): number;
  /** The integers 0 … size−1 in random order. */
  permutation(size: number): Uint32Array;
  /** An independent generator for a part of the work: in `load`, `rng.fork(exampleIndex)` augments an example alike in any batch of its epoch. */
  fork(...key: readonly (string | number)[]): Rng;
}

/** Values to log. A scalar tensor is read when it is reported, then disposed. A non-finite `loss` fails the job before it is saved. */
export type Metrics = { readonly [name: string]: number | TensorLike };

export interface Moment {
  /** Completed steps: 0 in the first call. Schedules and logs use this number, so it never repeats or skips. */
  readonly step: number;
  /** Completed passes over the data: 0 during the first. Always 0 without `data`. */
  readonly epoch: number;
  /** Keyed by (seed, purpose, step). `Math.random`, and with it dropout and initializers, draws from the same key. */
  readonly rng: Rng;
}
export interface StepMoment<Batch> extends Moment {
  /** What `data.load` returned. Its tensors are disposed after the step. */
  readonly batch: Batch;
  /** The examples of this step, as indices into the data. */
  readonly indices: Uint32Array;
  /** Ends training after this step, as completed. The reason is kept in the journal. */
  stop(reason: string): void;
}

/** Data by index: order and position belong to the runtime, so a resume reads nothing twice and skips nothing. */
export interface Data<Batch> {
  /** Examples in one epoch. */
  readonly examples: number;
  readonly batchSize: number;
  /** A new permutation of (seed, epoch) each epoch. @default true */
  readonly shuffle?: boolean;
  /** What to do with a last batch that is short. @default 'keep' */
  readonly lastBatch?: 'keep' | 'drop';
  /**
   * Reads, decodes and augments one batch: from memory, files or a database. A function of its arguments alone, because
   * it may run ahead of the step. Omit it to get `indices` only.
   */
  load?(
    indices: Uint32Array,
    moment: { readonly epoch: number; readonly rng: Rng; readonly signal: AbortSignal },
  ): Batch | Promise<Batch>;
  /** Batches loaded ahead while a step computes. @default 1 if `load` is asynchronous, else 0 */
  readonly prefetch?: number;
}

export type Every = { readonly epochs: number } | { readonly steps: number };

export interface Training<Batch = undefined> {
  /** Everything that changes while training; each name becomes `<name>.safetensors` and an entry of `trainer.json`. */
  readonly state: { readonly [name: string]: StateEntry };
  readonly data?: Data<Batch>;
  readonly until: Every;
  /**
   * One step: the unit that is counted, seeded, and never half saved. Usually one optimizer update; a GAN makes two, gradient
   * accumulation takes several batches, an agent may make none. Return metrics to log.
   */
  step(moment: StepMoment<Batch>): Metrics | void | Promise<Metrics | void>;
  /**
   * Must leave state as it found it, also when it ends early. An evaluation cut short by an interruption runs again after
   * the resume; none is skipped.
   */
  evaluate?(moment: Moment & { readonly signal: AbortSignal }): Metrics | Promise<Metrics>;
  /** Also at the end. @default every epoch, or at the end only where there is no `data` */
  readonly evaluateEvery?: Every;
  /** The evaluation metric that says which checkpoint is best. Retention keeps it; `patience` ends training early. */
  readonly best?: {
    readonly metric: string;
    readonly mode: 'min' | 'max';
    /** Evaluations without improvement before training ends. @default never */
    readonly patience?: number;
    /** A smaller change is no improvement. @default 0 */
    readonly minDelta?: number;
  };
  /** Runs once at the end of the process: close files and environments. */
  dispose?(): void | Promise<void>;
}

/** Parses hyper-parameters; a zod, valibot or arktype schema fits. */
export interface ParamsSchema<Params> {
  parse(value: unknown): Params;
}
export type ParamsOf<Definition> = Definition extends ParamsSchema<infer Params> ? Params : Definition;

export interface Setup<Params> {
  readonly params: Params;
  readonly rng: Rng;
  /** Local paths of the job's inputs: `--input train=s3://…` is `inputs.train`. Verified before `setup`. */
  readonly inputs: { readonly [name: string]: string };
  /** True when a checkpoint will overwrite all state: an expensive warm start may be left out. The structure must be the same. */
  readonly resuming: boolean;
  readonly signal: AbortSignal;
}

/** One tensor that the program expects, where the checkpoint has none of that name and shape. */
export interface Unmatched {
  readonly state: string;
  readonly tensor: string;
  readonly shape: readonly number[];
  readonly dtype: string;
}

export interface Program<Definition, Batch> {
  /** Defaults (types are taken from them), or a schema. `--set learningRate=3e-4` overrides; checked before anything is queued. */
  readonly params?: Definition;
  /** `--seed` overrides. @default 1 */
  readonly seed?: number;
  /** Default inputs: paths relative to the program's file, or URIs. `--input digits=…` overrides. */
  readonly inputs?: { readonly [name: string]: string };
  setup(start: Setup<ParamsOf<Definition>>): Training<Batch> | Promise<Training<Batch>>;
  /**
   * For forks and changed programs. Asked only for tensors that do not match: take another one, or keep what `setup` made.
   * Without an answer the resume is refused with the list of differences.
   */
  migrate?(wanted: Unmatched): { readonly from: string } | 'keep-initial' | undefined;
}

/** Declares a training program. Export it as default. */
export function defineTraining<Definition, Batch = undefined>(
  program: Program<Definition, Batch>,
): Program<Definition, Batch> {
  return program;
}
