import { describe, expect, it } from 'vitest';
import { failureOf } from '../../../job/trainer/failure.ts';
import {
  IncompatibleError,
  InvariantError,
  UnfitError,
  UsageError,
  UserProgramError,
} from '../../../lib/base/errors.ts';
import { NonFiniteLossError } from '../../../lib/training/non-finite-loss-error.ts';

const program = '/scratch/claim-3/program.mjs';

function errorWith(stack: readonly string[]): Error {
  const error = new TypeError('boom');
  error.stack = ['TypeError: boom', ...stack].join('\n');
  return error;
}

describe('failureOf', () => {
  it.each([
    [new TypeError('x'), 'user'],
    ['a text', 'user'],
    [new UserProgramError('x'), 'user'],
    [new UsageError('x'), 'user'],
    [new NonFiniteLossError(NaN, 4), 'non-finite-loss'],
    [new IncompatibleError('x', ['a']), 'incompatible'],
    [new UnfitError('x'), 'infrastructure'],
    [new InvariantError('x'), 'infrastructure'],
  ])('says whose fault %s is', (error, cause) => {
    expect(failureOf(error, program, 7)).toMatchObject({ cause, step: 7 });
  });

  it('names the innermost place in the program, and leaves out frames of others', () => {
    const failure = failureOf(
      errorWith([
        '    at Object.add (/app/node_modules/@tensorflow/tfjs-core/dist/x.js:1:2)',
        '    at layer (/scratch/claim-3/parts/net.ts:8:3)',
        '    at Object.step (file:///scratch/claim-3/train.ts:14:9)',
        '    at async takeStep (node:internal/x:1:1)',
        '    at shared (/scratch/lib/helper.ts:2:2)',
      ]),
      program,
      0,
    );
    expect(failure.message).toBe('boom (parts/net.ts:8:3)');
    expect(failure.stack).toBe(
      [
        'TypeError: boom',
        '    at layer (parts/net.ts:8:3)',
        '    at Object.step (train.ts:14:9)',
        '    at shared (../lib/helper.ts:2:2)',
      ].join('\n'),
    );
  });

  it('understands frames without a function', () => {
    expect(failureOf(errorWith(['    at file:///scratch/claim-3/train.ts:3:7']), program, 0).message).toBe(
      'boom (train.ts:3:7)',
    );
    expect(failureOf(errorWith(['    at /scratch/claim-3/train.ts:3:7']), program, 0).message).toBe(
      'boom (train.ts:3:7)',
    );
  });

  it('says nothing of places where the program has none, and shortens recursion', () => {
    expect(failureOf(errorWith(['    at node:internal/x:1:1']), program, 0)).toEqual({
      cause: 'user',
      message: 'boom',
      step: 0,
    });
    const deep = Array.from({ length: 500 }, (_, at) => `    at f (/scratch/claim-3/train.ts:${at + 1}:1)`);
    expect(failureOf(errorWith(deep), program, 0).stack?.split('\n').length).toBeLessThanOrEqual(30);
  });

  it('keeps hint and differences', () => {
    const error = new IncompatibleError('no fit:', ['a', 'b'], { hint: 'Fork.' });
    expect(failureOf(error, program, 0)).toMatchObject({ hint: 'Fork.', differences: ['a', 'b'] });
  });
});
