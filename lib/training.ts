/** `holdfast/training`: everything that a training program imports. */
export {
  type Data,
  defineTraining,
  type Every,
  type LayerLike,
  type LayersModelLike,
  type Metrics,
  type Moment,
  type OptimizerLike,
  type ParamsOf,
  type ParamsSchema,
  type Plain,
  type Program,
  type Rng,
  type Setup,
  type StateEntry,
  type Stateful,
  type StepMoment,
  type TensorLike,
  type Training,
  type TypedArray,
  type Unmatched,
  type VariableLike,
} from './training/define-training.ts';
export { type ReplayBuffer, replayBuffer, type SavedReplay } from './training/replay-buffer.ts';
export { cosine, type CosineOptions, type Schedule } from './training/schedules.ts';
export { fit } from './tfjs/fit.ts';
export { inMemory } from './tfjs/in-memory.ts';
export { minimize } from './tfjs/minimize.ts';
export { minimizeAccumulated } from './tfjs/minimize-accumulated.ts';
export { movingAverage } from './tfjs/moving-average.ts';
export { setLearningRate } from './tfjs/set-learning-rate.ts';
export { variablesOf } from './tfjs/variables-of.ts';
export type { Examples } from './tfjs/examples.ts';
