import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stateDigests } from '../../../job/trainer/state-digests.ts';
import { StepRecorder } from '../../../job/trainer/step-recorder.ts';
import { type StepRecord, stepRecordSchema } from '../../../lib/contract/step-record.ts';
import { openBackend } from '../../../lib/tfjs/backend.ts';
import { openState } from '../../../lib/tfjs/open-state.ts';
import { planOf } from '../../../lib/training/plan.ts';
import { Progress } from '../../../lib/training/progress.ts';
import { randomStreams } from '../../../lib/training/random-streams.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-record-'));
beforeAll(async () => void (await openBackend('cpu')));
afterAll(() => rmSync(dir, { recursive: true }));

function aRun() {
  const weight = tf.tidy(() => tf.variable(tf.zeros([3]), true));
  const optimizer = tf.train.momentum(0.1, 0.9);
  const counter = { seen: 0, names: new Map([['a', 1]]) };
  const state = openState(tf, { weight, optimizer, counter });
  const training = {
    state: {},
    data: { examples: 5, batchSize: 2, load: () => undefined },
    until: { epochs: 2 },
    step: () => undefined,
  };
  const plan = planOf(training, randomStreams(7));
  const progress = new Progress();
  const run = { identity: { seed: 7, params: {}, inputs: {} }, plan, progress, state };
  return { run, weight, counter };
}

function recorded(path: string): readonly StepRecord[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => stepRecordSchema.parse(JSON.parse(line)));
}

it('notes examples, exact metrics and the state of each step, and adds to what is there', () => {
  const path = join(dir, 'record');
  const { run, counter } = aRun();
  const recorder = new StepRecorder({ path, stateEverySteps: 2 });
  recorder.began(run, false);
  const orders = [0, 1, 2].map((step) => {
    const before = run.progress.position;
    counter.seen++;
    run.progress.stepped(run.plan.order.after(before), {}, null);
    recorder.stepped(run, { loss: step === 0 ? Number.NaN : -0, accuracy: 0.1 + step });
    return [...run.plan.order.indicesAt(before)];
  });
  recorder.evaluated(run, { accuracy: Number.POSITIVE_INFINITY });
  const [began, ...rest] = recorded(path);
  expect(began).toMatchObject({ kind: 'began', step: 0, resumed: false });
  const steps = rest.filter((record) => record.kind === 'step');
  expect(steps.map(({ step, epoch, examples }) => [step, epoch, examples])).toEqual([
    [1, 0, orders[0]],
    [2, 0, orders[1]],
    [3, 0, orders[2]],
  ]);
  expect(orders.flat().toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
  expect(steps.map(({ state }) => state !== undefined)).toEqual([false, true, false]);
  expect(steps.map(({ metrics }) => metrics['loss'])).toEqual([
    '7ff8000000000000',
    '8000000000000000',
    '8000000000000000',
  ]);
  expect(rest.at(-1)).toEqual({ kind: 'evaluation', step: 3, metrics: { accuracy: '7ff0000000000000' } });
  new StepRecorder({ path, stateEverySteps: 0 }).began(run, true);
  expect(recorded(path)).toHaveLength(6);
});

it('names the parts of a state as a person would, and a part that changes changes its own digest alone', () => {
  const { run, weight, counter } = aRun();
  const before = stateDigests(run.state);
  expect(Object.keys(before)).toEqual(
    expect.arrayContaining([
      'weight/0',
      'counter.seen',
      'counter.names',
      'optimizer.optimizer.iterations',
      'optimizer.optimizer.learningRate',
    ]),
  );
  const changed = (): readonly string[] => {
    const now = stateDigests(run.state);
    return Object.keys(now).filter((name) => now[name] !== before[name]);
  };
  expect(changed()).toEqual([]);
  counter.seen = 3;
  expect(changed()).toEqual(['counter.seen']);
  counter.seen = 0;
  tf.tidy(() => weight.assign(tf.ones([3])));
  expect(changed()).toEqual(['weight/0']);
});
