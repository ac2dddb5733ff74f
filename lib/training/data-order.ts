import { UserProgramError } from '../base/errors.ts';
import type { Position } from '../contract/trainer-document.ts';
import type { Data, Every } from './define-training.ts';
import type { RandomStreams } from './random-streams.ts';

/** `data` with its defaults filled in: all that order and position depend on. */
export interface DataShape {
  readonly examples: number;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly lastBatch: 'keep' | 'drop';
}

export const startPosition: Position = { step: 0, epoch: 0, example: 0 };

/** @throws UserProgramError when the numbers make no batch */
export function dataShape(data: Omit<Data<unknown>, 'load'>): DataShape {
  const { examples, batchSize, shuffle = true, lastBatch = 'keep' } = data;
  mustBeCount('data.examples', examples);
  mustBeCount('data.batchSize', batchSize);
  if (lastBatch === 'drop' && batchSize > examples) {
    throw new UserProgramError(
      `data has no batch at all: batchSize is ${batchSize}, there are ${examples} examples, and a short last batch is dropped.`,
    );
  }
  return { examples, batchSize, shuffle, lastBatch };
}

/** Where each example stands and what comes after what. A function of seed, shape and position; nothing to save. */
export interface DataOrder {
  /** The examples of the step at `position`: the caller's own copy. Empty without data. */
  indicesAt(position: Position): Uint32Array;
  /** Where the next step stands. Without data only the step counts. */
  after(position: Position): Position;
  /**
   * The same place for this batch size: a position that a run with another one left too near to the end for a whole
   * batch moves to the next epoch.
   */
  settled(position: Position): Position;
  /** Steps from `position` to the end of its epoch, at least 1 in a settled one. */
  stepsLeftInEpoch(position: Position): number;
  readonly stepsPerEpoch: number;
}

export function dataOrder(shape: DataShape | null, streams: RandomStreams): DataOrder {
  if (shape === null) return withoutData;
  const { examples, batchSize, lastBatch } = shape;
  const permutations = new Map<number, Uint32Array>();
  const permutation = (epoch: number): Uint32Array => {
    const known = permutations.get(epoch);
    if (known !== undefined) return known;
    // Two epochs at most are in use: the running one, and the next one where batches are loaded ahead.
    for (const old of permutations.keys()) if (old < epoch - 1 || old > epoch) permutations.delete(old);
    const made = shape.shuffle
      ? streams.order(epoch).permutation(examples)
      : Uint32Array.from({ length: examples }, (_, at) => at);
    permutations.set(epoch, made);
    return made;
  };
  const stepsFor = (left: number): number =>
    lastBatch === 'drop' ? Math.floor(left / batchSize) : Math.ceil(left / batchSize);
  const settled = (position: Position): Position =>
    stepsFor(examples - position.example) > 0
      ? position
      : { step: position.step, epoch: position.epoch + 1, example: 0 };
  return {
    indicesAt: ({ epoch, example }) => permutation(epoch).slice(example, example + batchSize),
    after: ({ step, epoch, example }) =>
      settled({ step: step + 1, epoch, example: Math.min(examples, example + batchSize) }),
    settled,
    stepsLeftInEpoch: ({ example }) => stepsFor(examples - example),
    stepsPerEpoch: stepsFor(examples),
  };
}

const withoutData: DataOrder = {
  indicesAt: () => new Uint32Array(0),
  after: (position) => ({ ...position, step: position.step + 1 }),
  settled: (position) => position,
  stepsLeftInEpoch: () => Infinity,
  stepsPerEpoch: Infinity,
};

/** @throws UserProgramError when it is no positive number of steps or epochs, or counts epochs without data */
export function checkedEvery(name: string, every: Every, hasData: boolean): Every {
  if ('steps' in every) {
    mustBeCount(`${name}.steps`, every.steps);
    return every;
  }
  mustBeCount(`${name}.epochs`, every.epochs);
  if (!hasData) {
    throw new UserProgramError(`${name} counts epochs, but the training has no data.`, {
      hint: `Give ${name} in steps.`,
    });
  }
  return every;
}

export function hasReached(until: Every, position: Position): boolean {
  return 'steps' in until ? position.step >= until.steps : position.epoch >= until.epochs;
}

/** True at the boundary after every n-th step, or after the last step of every n-th epoch. */
export function isMultiple(every: Every, position: Position): boolean {
  if ('steps' in every) return position.step > 0 && position.step % every.steps === 0;
  return position.example === 0 && position.epoch > 0 && position.epoch % every.epochs === 0;
}

/** Steps in all when training ends as `until` says. */
export function totalSteps(until: Every, order: DataOrder, position: Position): number {
  if ('steps' in until) return until.steps;
  const epochsLeft = until.epochs - position.epoch;
  if (epochsLeft <= 0) return position.step;
  return position.step + order.stepsLeftInEpoch(position) + (epochsLeft - 1) * order.stepsPerEpoch;
}

function mustBeCount(name: string, value: number): void {
  if (Number.isInteger(value) && value > 0 && value <= 2 ** 32) return;
  throw new UserProgramError(`${name} must be a whole number above 0, not ${value}.`);
}
