import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import type { TrainingSight } from '../../../../job/trainer/onlookers.ts';
import type { Training } from '../../../../lib/training/define-training.ts';
import { OutsideState } from '../../../../proof/verify/trace/outside-state.ts';

/** What is seen outside of state, by name. */
function seen(training: Partial<Training<unknown>>): Record<string, string> {
  const whole: Training<unknown> = { state: {}, until: { steps: 1 }, step() {}, ...training };
  const sight: TrainingSight = {
    when: 'stepped',
    program: { setup: () => whole },
    training: whole,
    step: 1,
    resumed: false,
  };
  return Object.fromEntries([...new OutsideState().look(sight)].map(([name, { shown }]) => [name, shown]));
}

it('sees variables around the functions of a program, also through functions that they call', () => {
  let calls = 3;
  const history = [1, 2];
  const helper = (): number => (calls += history.length);
  expect(seen({ step: () => void helper() })).toMatchObject({ calls: '3', history: '[1, 2]' });
});

it('sees fields of objects, private ones too, and what they refer to', () => {
  class Reader {
    #next = 4;
    begin = 2;
    read(): number {
      return (this.#next += this.begin);
    }
  }
  const reader = new Reader();
  const nested = { log: { lines: 7 }, reader };
  expect(seen({ step: () => void nested.reader.read() })).toMatchObject({
    'nested.log': '{lines: 7}',
    'nested.reader.#next': '4',
    'nested.reader.begin': '2',
  });
});

it('sees where a generator stands', () => {
  function* numbers(): Generator<number> {
    let position = 0;
    for (;;) yield (position += 10);
  }
  const endless = numbers();
  endless.next();
  endless.next();
  expect(seen({ step: () => void endless.next() })).toMatchObject({ 'endless.position': '20' });
});

it('looks into a Stateful of state, and takes everything else of state as saved', () => {
  const counts = { seen: 1 };
  let place = 5;
  const reader = { save: () => place, load: (saved: number) => void (place = saved) };
  const found = seen({ state: { counts, reader }, step: () => void [counts, reader] });
  expect(found['place']).toBe('5');
  expect(found['counts']).toBe('the one in `state` (counts)');
});

it('sees the states of recurrent layers that state lacks, and an optimizer that took the place of another', () => {
  const model = tf.sequential({
    layers: [tf.layers.simpleRNN({ name: 'memory', units: 2, stateful: true, batchInputShape: [1, 1, 1] })],
  });
  tf.dispose(model.predict(tf.ones([1, 1, 1])));
  let optimizer: tf.Optimizer = tf.train.sgd(0.1);
  const saved = optimizer;
  const step = (): void => void [model, optimizer];
  expect(seen({ state: { saved }, step })['optimizer']).toBe('the one in `state` (saved)');
  optimizer = tf.train.sgd(0.2);
  const found = seen({ state: { saved }, step });
  expect(found['optimizer']).toBe('another optimizer, SGDOptimizer (learningRate 0.2),');
  expect(found['model.memory.states[0]']).toMatch(/^tensor \[1,2\] [0-9a-f]{12}$/);
  expect(Object.keys(seen({ state: { model, saved }, step })).join()).not.toContain('memory');
  model.dispose();
});

it('sees what a layer of the program’s own keeps beside its weights, also in a model that state holds', () => {
  class Noise extends tf.layers.Layer {
    static readonly className = 'Noise';
    #seed = 7;
    drawn = 2;
    override call(x: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] {
      this.drawn += this.#seed;
      return x;
    }
  }
  const model = tf.sequential({
    layers: [new Noise({ name: 'noise', inputShape: [2] }), tf.layers.dense({ name: 'out', units: 1 })],
  });
  const within = seen({ state: { model }, step: () => void model });
  expect(within).toMatchObject({ 'noise.#seed': '7', 'noise.drawn': within['noise.drawn'] });
  expect(Object.keys(within).filter((name) => name.startsWith('out.'))).toEqual([]);
  model.dispose();
});

it('leaves nothing behind and changes nothing', () => {
  const calls = { count: 1 };
  const before = Reflect.ownKeys(globalThis);
  seen({ step: () => void calls.count++ });
  expect(calls.count).toBe(1);
  expect(Reflect.ownKeys(globalThis)).toEqual(before);
});
