import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import { UserProgramError } from '../base/errors.ts';
import type { Rng } from './define-training.ts';

export type RngKey = readonly (string | number)[];

/**
 * All randomness of a run, as functions of the seed and of what it is for: nothing to save, nothing that a stray draw
 * could shift. Every seed is an ordinary one, 0 included.
 */
export interface RandomStreams {
  setup(): Rng;
  /** For the permutation of one epoch. */
  order(epoch: number): Rng;
  /**
   * For the batch that begins at `example` (a place in the order of that epoch). Its forks depend on the epoch and their
   * own key alone, so that `rng.fork(exampleIndex)` augments an example alike in whichever batch it stands.
   */
  load(epoch: number, example: number): Rng;
  /** For the step that follows `step` completed ones. */
  step(step: number): Rng;
  /** For the evaluation after `step` completed steps. */
  evaluate(step: number): Rng;
}

/** The functions of a program that draw from a generator of their own. */
export type Purpose = 'setup' | 'load' | 'step' | 'evaluate';

const purposes = new WeakMap<Rng, Purpose>();

/** Lets others see what a generator is for. */
function made(purpose: Purpose, rng: Rng): Rng {
  purposes.set(rng, purpose);
  return rng;
}

export function randomStreams(seed: number): RandomStreams {
  return {
    setup: () => made('setup', createRng([seed, 'setup'])),
    order: (epoch) => createRng([seed, 'order', epoch]),
    load: (epoch, example) => made('load', createRng([seed, 'load', epoch, example], [seed, 'load', epoch])),
    step: (step) => made('step', createRng([seed, 'step', step])),
    evaluate: (step) => made('evaluate', createRng([seed, 'evaluate', step])),
  };
}

/**
 * A generator keyed by SHA-256 of the key's JSON: xoroshiro128+ (Blackman and Vigna, 2018), started from the first 128
 * bits of the digest. `forkKey` is what the keys of forks begin with.
 */
export function createRng(key: RngKey, forkKey: RngKey = key): Rng {
  // Made with the first draw: each step is given a generator, and most draw nothing from it.
  let started: ReturnType<typeof xoroshiro128plusFromState> | undefined;
  const next = (): number => {
    const generator = (started ??= startedBy(key));
    const high = generator.next() >>> 5;
    const low = generator.next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  };
  const int = (bound: number): number => {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32)
      throw new UserProgramError(`rng.int needs a whole number from 1 to 2³², not ${bound}.`);
    return Math.floor(next() * bound);
  };
  return {
    next,
    int,
    // Box and Muller (1958). 1 − next() is never 0, so the logarithm is finite.
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    permutation: (size) => shuffled(size, int),
    fork: (...more) => createRng([...forkKey, ...more]),
  };
}

function startedBy(key: RngKey): ReturnType<typeof xoroshiro128plusFromState> {
  const digest = createHash('sha256').update(JSON.stringify(key)).digest();
  return xoroshiro128plusFromState([0, 4, 8, 12].map((at) => digest.readInt32LE(at)));
}

/** The shuffle of Fisher and Yates. */
function shuffled(size: number, int: (bound: number) => number): Uint32Array {
  const order = Uint32Array.from({ length: size }, (_, at) => at);
  for (let at = size - 1; at > 0; at--) {
    const other = int(at + 1);
    const held = order[at] ?? 0;
    order[at] = order[other] ?? 0;
    order[other] = held;
  }
  return order;
}

/** `Math.random` under our control while it is installed. */
export interface MathRandom {
  /** Runs `work`; in it, and in everything asynchronous that it starts, `Math.random` draws from `rng`. */
  readonly run: <Result>(rng: Rng, work: () => Result) => Result;
  /** Puts the real `Math.random` back. */
  readonly uninstall: () => void;
}

const context = new AsyncLocalStorage<Rng>();

/** In which of its functions the program is at this moment, also in what they have started; undefined outside of them. */
export function presentPurpose(): Purpose | undefined {
  const rng = context.getStore();
  return rng && purposes.get(rng);
}

/**
 * Binds `Math.random` to the asynchronous context: dropout, initializers and every other draw of TensorFlow.js come from
 * the generator of the work that makes them, so that a batch being loaded ahead cannot disturb a step. Outside of `run`
 * the real one answers.
 */
export function installMathRandom(): MathRandom {
  const real = Math.random;
  Math.random = () => {
    const rng = context.getStore();
    return rng === undefined ? real() : rng.next();
  };
  return {
    run: (rng, work) => context.run(rng, work),
    uninstall: () => {
      Math.random = real;
    },
  };
}
