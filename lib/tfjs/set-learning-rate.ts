import type * as tf from '@tensorflow/tfjs';
import { seenAs } from './private-fields.ts';

/** Sets the learning rate of any tfjs optimizer (SGD and Momentum keep theirs in a cached scalar that assignment misses). */
export function setLearningRate(optimizer: tf.Optimizer, rate: number): void {
  const adjustable: { learningRate: number; setLearningRate?(rate: number): void } = seenAs(optimizer);
  if (typeof adjustable.setLearningRate === 'function') adjustable.setLearningRate(rate);
  else adjustable.learningRate = rate;
}
