import { describe, expect, it } from 'vitest';
import { AccessDeniedError } from '../../../../lib/base/errors.ts';
import { type Check, fail, pass, skip, warn } from '../../../../lib/client/doctor/check.ts';
import { runChecks } from '../../../../lib/client/doctor/run-checks.ts';
import { manualClock } from '../../../support/manual-clock.ts';

const says = (name: string, finding: ReturnType<typeof pass>, after?: string): Check => ({
  name,
  run: () => Promise.resolve(finding),
  ...(after === undefined ? {} : { after }),
});
const hangs: Check = { name: 'hangs', run: () => new Promise(() => {}) };

describe('checks', () => {
  it('answer in their own order, whatever comes first', async () => {
    const clock = manualClock();
    const slow: Check = {
      name: 'slow',
      run: async (signal) => (await clock.sleep(50, signal), pass('slow')),
    };
    const running = runChecks([slow, says('quick', warn('quick', 'do it'))], { clock });
    await clock.advance(50);
    expect(await running).toEqual([
      { name: 'slow', status: 'pass', message: 'slow', next: null },
      { name: 'quick', status: 'warn', message: 'quick', next: 'do it' },
    ]);
  });

  it('run at once, and one that hangs fails alone at its limit', async () => {
    const clock = manualClock();
    const running = runChecks(
      [hangs, { ...hangs, name: 'longer', limitMs: 20_000 }, says('well', pass('well'))],
      { clock },
    );
    let isOver = false;
    void running.then(() => (isOver = true));
    await clock.advance(19_999);
    expect(isOver).toBe(false);
    await clock.advance(1);
    expect(await running).toMatchObject([
      { status: 'fail', message: 'the check of hangs took longer than 15000 ms.', next: expect.any(String) },
      { status: 'fail', message: 'the check of longer took longer than 20000 ms.' },
      { status: 'pass' },
    ]);
    expect(clock.sleepers).toBe(0);
  });

  it('are skipped where they rest on one that failed or was skipped, wherever it stands in the list', async () => {
    const results = await runChecks(
      [
        says('third', pass('never asked'), 'second'),
        says('second', pass('never asked'), 'first'),
        says('first', fail('no credentials', 'aws configure')),
        says('other', pass('asked'), 'warned'),
        says('warned', warn('so so', 'look')),
        says('none', skip('not here')),
        says('of-none', pass('never asked'), 'none'),
      ],
      { clock: manualClock() },
    );
    expect(results.map(({ name, status, message }) => [name, status, message])).toEqual([
      ['third', 'skip', 'rests on first, which failed'],
      ['second', 'skip', 'rests on first, which failed'],
      ['first', 'fail', 'no credentials'],
      ['other', 'pass', 'asked'],
      ['warned', 'warn', 'so so'],
      ['none', 'skip', 'not here'],
      ['of-none', 'skip', 'not here'],
    ]);
  });

  it('tell an error with its hint, on one line each', async () => {
    const error = new AccessDeniedError('refused\n  twice', { hint: 'type\nthis' });
    const check: Check = { name: 'x', run: () => Promise.reject(error) };
    expect(await runChecks([check], { clock: manualClock() })).toEqual([
      { name: 'x', status: 'fail', message: 'refused twice', next: 'type this' },
    ]);
  });

  it('end with the caller who gives up', async () => {
    const controller = new AbortController();
    const running = runChecks([hangs], { clock: manualClock(), signal: controller.signal });
    controller.abort(new Error('Ctrl-C'));
    await expect(running).rejects.toThrow('Ctrl-C');
  });
});
