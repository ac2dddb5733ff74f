import { describe, expect, it } from 'vitest';
import { exitVerdict } from '../../job/exit-verdict.ts';

const minutes = 60_000;

describe('the end of a worker means for its instance', () => {
  it('nothing when it has drained: what becomes of the machine is decided', () => {
    expect(exitVerdict({ result: 'success', status: '0' })).toEqual({ kind: 'leave' });
  });

  it.each([
    ['its replacement three minutes after the longest notice when it handed over', 'exit-code', '75', 5],
    ['its replacement, after time to look at it, when it refuses its configuration', 'exit-code', '78', 10],
    ['its replacement when the machine looks broken', 'exit-code', '70', 2],
    ['its replacement when it was killed for memory', 'oom-kill', 'KILL', 2],
    ['its replacement when it crashed again and again', 'start-limit-hit', '1', 2],
    ['its replacement when it did not end in time, whatever it said', 'timeout', '0', 2],
    ['its replacement when nobody says how it ended', 'unknown', '', 2],
  ])('%s', (_, result, status, afterMinutes) => {
    expect(exitVerdict({ result, status })).toEqual({
      kind: 'report',
      afterMs: afterMinutes * minutes,
      why: expect.any(String),
    });
  });

  it('a reason that names status and result', () => {
    expect(exitVerdict({ result: 'signal', status: 'SEGV' })).toMatchObject({
      why: 'the worker ended with SEGV (signal)',
    });
  });
});
