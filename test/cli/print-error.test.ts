import { describe, expect, it } from 'vitest';
import { exitCodeOf, printError } from '../../cli/print-error.ts';
import { openTerminal } from '../../cli/terminal.ts';
import {
  AccessDeniedError,
  ConflictError,
  InvariantError,
  NotFoundError,
  TransientError,
  UsageError,
} from '../../lib/base/errors.ts';

function printed(error: unknown, json = false): { readonly out: string; readonly err: string } {
  let out = '';
  let err = '';
  const terminal = openTerminal(
    {
      writeOut: (text) => {
        out += text;
      },
      writeErr: (text) => {
        err += text;
      },
      outIsTerminal: false,
      errIsTerminal: false,
      columns: 80,
    },
    { json, env: {} },
  );
  printError(terminal, error);
  return { out, err };
}

describe('an error', () => {
  it('is printed as what, why and what next', () => {
    const error = new ConflictError('the job is running.', {
      hint: '`holdfast pause job` stops it.',
      cause: new Error('a live worker', { cause: new Error('a heartbeat') }),
    });
    expect(printed(error)).toEqual({
      out: '',
      err: [
        'holdfast: the job is running.',
        '  because: a live worker',
        '  because: a heartbeat',
        '  next: `holdfast pause job` stops it.',
        '',
      ].join('\n'),
    });
  });

  it('does not repeat a cause whose words stand in the message', () => {
    const cause = new Error('no route');
    const error = new ConflictError('the call failed:', { facts: { said: 'no route' }, cause });
    expect(printed(error).err).toBe('holdfast: the call failed: said=`no route`\n');
  });

  it('shows its stack only when it is our own fault', () => {
    expect(printed(new InvariantError('a slot was skipped')).err).toContain('print-error.test.ts');
    expect(printed(new TypeError('x is not a function')).err).toContain('print-error.test.ts');
    expect(printed(new NotFoundError('no job')).err).not.toContain('print-error.test.ts');
  });

  it('is one object on stdout with --json, beside the text', () => {
    const { out, err } = printed(new UsageError('no such field', { hint: 'try units' }), true);
    expect(JSON.parse(out)).toEqual({
      schemaVersion: 1,
      error: { code: 'USAGE', remedy: 'reject', message: 'no such field', hint: 'try units' },
    });
    expect(err).toContain('no such field');
    expect(JSON.parse(printed('a thrown text', true).out)).toMatchObject({
      error: { code: 'UNEXPECTED', remedy: 'crash', message: 'a thrown text', hint: null },
    });
  });

  it('does not follow a cycle of causes for ever', () => {
    const circle = new Error('a circle');
    circle.cause = circle;
    const error = new ConflictError('a failure', { cause: circle });
    expect(printed(error).err.match(/because/g)).toHaveLength(3);
  });

  it.each([
    [new UsageError('x'), 2],
    [new NotFoundError('x'), 3],
    [new AccessDeniedError('x'), 4],
    [new ConflictError('x'), 5],
    [new TransientError('x'), 1],
    [new Error('x'), 1],
    ['x', 1],
  ])('ends with the code of its kind: %s', (error, code) => expect(exitCodeOf(error)).toBe(code));
});
