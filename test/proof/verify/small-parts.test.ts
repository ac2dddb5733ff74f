import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StepRecord } from '../../../lib/contract/step-record.ts';
import { chooseSteps } from '../../../proof/verify/choose-steps.ts';
import { doesNotRun } from '../../../proof/verify/does-not-run.ts';
import { divergenceOfFailure } from '../../../proof/verify/divergence-of-failure.ts';
import { drawCurves } from '../../../proof/verify/draw-curves.ts';
import type { LossCurves } from '../../../proof/verify/loss-curves.ts';
import { plotCurves } from '../../../proof/verify/plot-curves.ts';
import { runAtMost } from '../../../proof/verify/run-at-most.ts';
import { StepLog } from '../../../proof/verify/step-log.ts';
import { tempDir } from '../../support/temp-dir.ts';

describe('the steps that are compared', () => {
  const course = { steps: 500, stepsPerEpoch: 250, evaluateEverySteps: 250, evaluates: true };

  it('reach into the second epoch', () => {
    expect(chooseSteps(course, 0.03)).toBe(258);
  });

  it('are fewer where a step takes long, and never too few', () => {
    expect(chooseSteps(course, 0.2)).toBe(100);
    expect(chooseSteps(course, 60)).toBe(12);
  });

  it('never go beyond the end of the program', () => {
    expect(chooseSteps({ ...course, steps: 5 }, 60)).toBe(5);
    expect(chooseSteps({ ...course, steps: 5 }, 0)).toBe(5);
  });
});

describe('a record of steps', () => {
  it('is read while it is written, whole lines at a time', () => {
    const path = join(tempDir(), 'steps.ndjson');
    const log = new StepLog(path);
    log.read();
    expect(log.step).toBeUndefined();
    const record: StepRecord = { kind: 'step', step: 3, epoch: 0, examples: null, metrics: {} };
    const line = `${JSON.stringify(record)}\n`;
    appendFileSync(path, line.slice(0, 10));
    log.read();
    expect(log.records).toEqual([]);
    appendFileSync(path, line.slice(10) + line.slice(0, 4));
    log.read();
    expect(log.records).toEqual([record]);
    expect(log.step).toBe(3);
  });
});

describe('a program that would not go on', () => {
  it('is told by what its message names', () => {
    const message = '`ema` changed in training, but is not in the `state` of the program.';
    const leftAlone = { after: 'nothing', resumedFromStep: null };
    expect(divergenceOfFailure({ cause: 'user', message, step: 4 }, leftAlone)).toMatchObject({
      kind: 'refused',
      component: 'ema',
      found: message,
      step: 4,
    });
  });

  it('is told by the place of an error of its own, at the step from which it would not go on', () => {
    const resumed = { after: 'an interruption', resumedFromStep: 7 };
    const stack = 'Error: no `words`\n    at lookUp (words.ts:12:3)\n    at Object.step (train.ts:30:9)';
    const broken = { cause: 'user', message: 'no `words` (words.ts:12:3)', stack, step: 0 } as const;
    expect(divergenceOfFailure(broken, resumed)).toMatchObject({
      component: 'the program, which fails at words.ts:12',
      step: 7,
      resumedFromStep: 7,
      failure: broken,
    });
    const silent = divergenceOfFailure({ cause: 'user', message: 'it `ended`', step: 9 }, resumed);
    expect(silent).toMatchObject({ component: 'the program, which fails', step: 9 });
    const differences = ['`adam` is sgd'];
    const refused = divergenceOfFailure(
      { cause: 'incompatible', message: 'no', differences, step: 0 },
      resumed,
    );
    expect(refused.component).toBe('adam');
  });

  it('does not run at all where nobody has interrupted it: its own words come first', () => {
    const stack = 'Error: no corpus\n    at Object.setup (train.ts:3:9)';
    const error = doesNotRun({ cause: 'user', message: 'no corpus', hint: 'Bring one.', stack, step: 0 });
    expect(error).toMatchObject({ code: 'USER_PROGRAM', hint: 'Bring one.' });
    expect(error.message).toMatch(
      /^no corpus\n {4}at Object\.setup \(train\.ts:3:9\)\nIt failed before its first step/,
    );
    expect(doesNotRun({ cause: 'user', message: 'x', step: 30 }).message).toContain('after step 30');
  });
});

describe('curves', () => {
  const points = (values: readonly number[]): { step: number; value: number }[] =>
    values.map((value, at) => ({ step: at + 1, value }));
  const curves = (interrupted: readonly number[]): LossCurves => ({
    metric: 'loss',
    reference: points([4, 3, 2, 1]),
    interrupted: [[points(interrupted.slice(0, 2)), points(interrupted)]],
    killedAtSteps: [2],
    divergedAtStep: interrupted[3] === 1 ? undefined : 4,
  });

  it('lie on each other in the terminal where the runs are the same', () => {
    const rows = plotCurves(curves([4, 3, 2, 1]), 60)
      .slice(0, -1)
      .join('\n');
    expect(rows.match(/•/g)).toHaveLength(4);
    expect(rows.match(/▲/g)).toHaveLength(1);
    expect(rows).not.toMatch(/[·×]/);
  });

  it('show both where they part', () => {
    const rows = plotCurves(curves([4, 3, 2, 3]), 60)
      .slice(0, -1)
      .join('\n');
    expect(rows.match(/·/g)).toHaveLength(1);
    expect(rows.match(/×/g)).toHaveLength(1);
  });

  it('are a picture with what is said of them, safe in XML', () => {
    const svg = drawCurves(curves([4, 3, 2, 3]), '<a> & b');
    expect(svg).toMatch(/^<svg .*<\/svg>\n$/s);
    expect(svg).toContain('&lt;a&gt; &amp; b');
    expect(svg.match(/<polyline/g)).toHaveLength(3);
    expect(svg).toContain('step 4');
    expect(drawCurves(curves([4, 3, 2, 1]), 'x')).not.toContain('class="parted"');
  });
});

describe('tasks', () => {
  it('run so many at a time, and none begins after one has failed', async () => {
    const begun: number[] = [];
    let running = 0;
    let most = 0;
    const task =
      (name: number, fails = false) =>
      async (): Promise<void> => {
        begun.push(name);
        most = Math.max(most, ++running);
        await Promise.resolve();
        running--;
        if (fails) throw new Error('no');
      };
    await runAtMost(2, [task(1), task(2), task(3)]);
    expect([most, begun]).toEqual([2, [1, 2, 3]]);
    begun.length = 0;
    await expect(runAtMost(1, [task(1), task(2, true), task(3)])).rejects.toThrow('no');
    expect(begun).toEqual([1, 2]);
  });
});
