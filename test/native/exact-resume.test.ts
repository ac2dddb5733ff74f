import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../lib/base/random.ts';
import { runInterrupted } from '../support/interrupted-run.ts';
import { type NativeBench, nativeBench, resumedInTurn } from '../support/native-bench.ts';
import { mustHaveDigits, TrainerDriver } from '../support/trainer-driver.ts';

let bench: NativeBench;
beforeAll(() => {
  mustHaveDigits();
  bench = nativeBench();
});
afterAll(() => bench.remove());

const optimizers = [
  'sgd',
  'momentum',
  'nesterov',
  'adam',
  'adamax',
  'adagrad',
  'adadelta',
  'rmsprop',
  'rmsprop-centred',
];

describe.concurrent('a convolutional net on the native backend', () => {
  it.each(optimizers)('ends bit-identical after two kills, under %s', async (optimizer) => {
    const { dir, host } = bench;
    const program = await bench.program('optimizers');
    const options = { program, dir, host, start: { params: { optimizer }, save: { everySteps: 5 } } };
    const reference = new TrainerDriver(options);
    const end = await reference.finish();
    const { result, resumedFrom } = await resumedInTurn(options, reference, [0.25, 0.6]);
    expect(result.digests, `resumed from ${resumedFrom.join(', ')}`).toEqual(end.digests);
    expect(result.step).toBe(40);
    expect(reference.all('hello')[0]?.runtime.backend).toBe('tensorflow');
  });
});

/** The recurrent net, and the programs of the documentation as they stand. */
const programs = [
  { name: 'recurrent', params: {}, everySteps: 5 },
  { name: 'mnist-cnn', params: {}, everySteps: 7 },
  { name: 'gan', params: {}, everySteps: 6 },
  { name: 'dqn', params: { steps: 420 }, everySteps: 60 },
  { name: 'augment', params: { epochs: 3 }, everySteps: 8 },
  { name: 'small-net', params: {}, everySteps: 6 },
];

describe.concurrent('a program on the native backend', () => {
  it.each(programs)('$name ends bit-identical after kills at random instants', async (program) => {
    const { name, params, everySteps } = program;
    const { dir, host } = bench;
    const options = {
      program: await bench.program(name),
      dir,
      host,
      start: { params, save: { everySteps } },
    };
    const reference = await new TrainerDriver(options).finish();
    const { result, resumedFrom } = await runInterrupted(options, {
      count: 2,
      random: seededRandom(name.length),
    });
    expect(result.digests, `resumed from ${resumedFrom.join(', ')}`).toEqual(reference.digests);
  });
});
