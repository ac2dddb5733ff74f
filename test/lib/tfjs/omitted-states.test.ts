import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { IncompatibleError, UserProgramError } from '../../../lib/base/errors.ts';
import { openBackend } from '../../../lib/tfjs/backend.ts';
import { openState } from '../../../lib/tfjs/open-state.ts';
import type { Training } from '../../../lib/training/define-training.ts';
import { planOf } from '../../../lib/training/plan.ts';
import { Progress } from '../../../lib/training/progress.ts';
import { randomStreams } from '../../../lib/training/random-streams.ts';
import { resumeRun } from '../../../lib/training/resume.ts';
import { type SavableRun, takeSnapshot } from '../../../lib/training/snapshot.ts';
import type { SavedFile } from '../../../lib/training/state.ts';
import { savedFile } from '../../support/saved-state.ts';

beforeAll(async () => {
  await openBackend('cpu');
});

type Program = ReturnType<typeof setup>;

function setup() {
  const weight = tf.variable(tf.ones([3]), true, 'weight');
  const average = tf.variable(tf.zeros([3]), false, 'average');
  const optimizer = tf.train.adam(0.1);
  const counter = { steps: 0 };
  const state: Training['state'] = { weight, average, optimizer, counter };
  return { state, weight, average, optimizer, counter };
}

function train({ weight, average, optimizer, counter }: Program): void {
  for (let step = 0; step < 3; step++) {
    optimizer.minimize(() => weight.square().sum().asScalar(), false, [weight]);
    average.assign(tf.zeros([3]).add(step + 7));
    counter.steps++;
  }
}

/** The next program may use the same names. */
function close({ weight, average, optimizer }: Program): void {
  tf.dispose([weight, average]);
  optimizer.dispose();
}

function runOf({ state }: Pick<Program, 'state'>, omit: readonly string[]): SavableRun {
  const plan = planOf({ state: {}, until: { steps: 9 }, step() {} }, randomStreams(1));
  const identity = { seed: 1, params: {}, inputs: {} };
  return { identity, plan, progress: new Progress(), state: openState(tf, state, { omit }) };
}

/** The files of a checkpoint of a program that was trained. */
function checkpoint(omit: readonly string[]): ReadonlyMap<string, Buffer> {
  const program = setup();
  const run = runOf(program, omit);
  run.state.forgotten();
  train(program);
  const snapshot = takeSnapshot(run);
  const files = snapshot.files.map(({ path, pieces }): [string, Buffer] => [
    path,
    Buffer.concat(pieces.map((piece) => piece.read())),
  ]);
  expect(snapshot.omitted).toEqual(omit);
  snapshot.release();
  close(program);
  return new Map(files);
}

function documentIn(files: ReadonlyMap<string, Buffer>): { state: object; omitted?: unknown } {
  return JSON.parse(String(files.get('trainer.json')));
}

/** Restores into a program as `setup` makes it; what was said, and what it then holds. */
function resumed(files: ReadonlyMap<string, Buffer>, omit: readonly string[]) {
  const program = setup();
  const said: string[] = [];
  try {
    const file = (path: string): SavedFile => savedFile(files.get(path) ?? Buffer.alloc(0));
    resumeRun(runOf(program, omit), { file, fork: false, say: (line) => said.push(line) });
    const { weight, average, optimizer, counter } = program;
    return {
      said,
      weight: weight.dataSync()[0],
      average: average.dataSync()[0],
      iterations: optimizer.iterations,
      steps: counter.steps,
    };
  } finally {
    close(program);
  }
}

describe('a state that the job omits', () => {
  it('is in no file, and every document says so', () => {
    const files = checkpoint(['average', 'optimizer']);
    expect([...files.keys()]).toEqual(['weight.safetensors', 'trainer.json']);
    const { state, omitted } = documentIn(files);
    expect(Object.keys(state)).toEqual(['weight', 'counter']);
    expect(omitted).toEqual(['average', 'optimizer']);
    expect(documentIn(checkpoint([]))).not.toHaveProperty('omitted');
  });

  it('is after a resume as `setup` made it, which is said; everything else is as it was', () => {
    const whole = resumed(checkpoint([]), []);
    expect(whole).toEqual({ said: [], weight: whole.weight, average: 9, iterations: 3, steps: 3 });
    expect(whole.weight).not.toBe(1);
    const { said, ...state } = resumed(checkpoint(['average', 'optimizer']), ['average', 'optimizer']);
    expect(state).toEqual({ weight: whole.weight, average: 0, iterations: 0, steps: 3 });
    expect(said).toEqual([
      'state average is as `setup` made it: this job omits it from its checkpoints.',
      'state optimizer is as `setup` made it: this job omits it from its checkpoints.',
    ]);
  });

  it('is restored from a checkpoint that still has it, which is said', () => {
    const { said, average } = resumed(checkpoint([]), ['average']);
    expect(average).toBe(9);
    expect(said).toEqual([
      'state average was restored, for this checkpoint has it; this job omits it from the next ones.',
    ]);
  });

  it('is missed by a program that no longer omits it', () => {
    const files = checkpoint(['average']);
    expect(() => resumed(files, [])).toThrow(IncompatibleError);
    expect(() => resumed(files, [])).toThrow(
      'average was omitted from the checkpoint, and is not omitted here',
    );
  });

  it('is not taken for forgotten when it changes, and need not fit', () => {
    const program = setup();
    const run = runOf(program, ['average']);
    expect(Object.keys(run.state.compatibility()['state'] ?? {})).toEqual(['weight', 'optimizer', 'counter']);
    run.state.forgotten();
    train(program);
    expect(run.state.forgotten()).toEqual([]);
    close(program);
  });

  it('must be a name of `state`: another is refused with the known ones', () => {
    const program = setup();
    const open = (): unknown => runOf(program, ['averaeg']);
    expect(open).toThrow(UserProgramError);
    expect(open).toThrow(
      'the job omits `averaeg` from its checkpoints, but `state` has no such name. Did you mean `average`?',
    );
    expect(open).toThrow(
      expect.objectContaining({ hint: 'It has `weight`, `average`, `optimizer`, `counter`.' }),
    );
    close(program);
  });

  it('cannot be one of two names of the same object, whose data lies under the first', () => {
    const shared = { list: [1] };
    const twice = { state: { one: shared, two: shared } };
    expect(() => runOf(twice, ['one'])).toThrow('`two` in `state` is the same object as one');
    expect(runOf(twice, ['two']).state.omitted).toEqual(['two']);
    expect(runOf(twice, ['two', 'one']).state.omitted).toEqual(['one', 'two']);
  });
});
