import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IncompatibleError, UserProgramError } from '../../../lib/base/errors.ts';
import { trainerDocumentSchema, type TrainerDocument } from '../../../lib/contract/trainer-document.ts';
import { NonFiniteLossError } from '../../../lib/training/non-finite-loss-error.ts';
import { takeSnapshot } from '../../../lib/training/snapshot.ts';
import type { Data, Training } from '../../../lib/training/define-training.ts';
import { type LoopResult, runLoop, type SavedFiles } from '../../support/loop-world.ts';

type Parts<Batch> = Omit<Training<Batch>, 'state'>;

const data: Data<number[]> = {
  examples: 10,
  batchSize: 3,
  load: (indices, { rng }) => [...indices, rng.next(), Math.random()],
};

/** Ten examples in batches of three, two epochs, whatever randomness there is, and an evaluation every three steps. */
function program(more: Partial<Parts<number[]>> = {}) {
  return (values: Record<string, unknown>): Parts<number[]> => ({
    data,
    until: { epochs: 3 },
    evaluateEvery: { steps: 3 },
    step({ batch, indices, step, epoch, rng }) {
      values['trace'] = [
        values['trace'],
        step,
        epoch,
        ...indices,
        ...batch,
        rng.next(),
        Math.random(),
      ].join();
      return { loss: rng.next(), step };
    },
    evaluate({ step, rng }) {
      return { error: 100 - step + rng.next() + Math.random() };
    },
    best: { metric: 'error', mode: 'min' },
    ...more,
  });
}

const documentOf = (files: SavedFiles): TrainerDocument =>
  trainerDocumentSchema.parse(JSON.parse(new TextDecoder().decode(files['trainer.json'])));

/** Lives through several processes: each ends at one of `stops`, and the next begins from the newest snapshot. */
async function livesOf(
  make: Parameters<typeof runLoop<number[]>>[0],
  plan: { readonly saves: readonly number[]; readonly stops: readonly number[] },
): Promise<LoopResult> {
  let from: SavedFiles | undefined;
  for (const stop of plan.stops) {
    const life = await runLoop(make, {
      from,
      at: (step) => (step >= stop ? 'stop' : plan.saves.includes(step) ? 'save' : 'go-on'),
    });
    from = life.saved ?? from;
  }
  return runLoop(make, { from });
}

describe('trainingLoop', () => {
  it('gives each step its position, its examples and its place in the log', async () => {
    const { log, end, final } = await runLoop(() => ({
      data: { examples: 5, batchSize: 2, shuffle: false },
      until: { epochs: 1 },
      step: ({ step, epoch, indices }) => ({ step, epoch, first: indices[0] ?? -1, count: indices.length }),
    }));
    expect(end).toBe('ended');
    expect(log).toEqual([
      'first-step',
      'step 1 {"step":0,"epoch":0,"first":0,"count":2}',
      'training',
      'step 2 {"step":1,"epoch":0,"first":2,"count":2}',
      'training',
      'step 3 {"step":2,"epoch":0,"first":4,"count":1}',
    ]);
    expect(documentOf(final).position).toEqual({ step: 3, epoch: 1, example: 0 });
  });

  it('ends with the same bytes however often and wherever it is cut (property)', async () => {
    const whole = await runLoop(program());
    const steps = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(steps, steps, fc.constantFrom(0, 1, 3), async (saves, stops, prefetch) => {
        const make = program({ data: { ...data, prefetch } });
        const cut = await livesOf(make, { saves, stops });
        expect(cut.final).toEqual(whole.final);
      }),
      { numRuns: 40 },
    );
  });

  it('has another trace for another seed', async () => {
    const [one, other] = [await runLoop(program()), await runLoop(program(), { seed: 2 })];
    expect(one.state.values).not.toEqual(other.state.values);
  });

  it('loads ahead without touching what a step draws', async () => {
    const traces = [];
    for (const prefetch of [0, 2]) {
      const { state } = await runLoop<number[]>((values) => ({
        ...program()(values),
        data: {
          examples: 10,
          batchSize: 3,
          prefetch,
          async load(indices) {
            await turn();
            return [...indices, Math.random()];
          },
        },
      }));
      traces.push(state.values);
    }
    expect(traces[0]).toEqual(traces[1]);
  });

  it('loads one batch ahead where loading is asynchronous, and never beyond the end', async () => {
    const { log } = await runLoop((_, events) => ({
      data: {
        examples: 3,
        batchSize: 1,
        shuffle: false,
        async load(indices) {
          events.push(`load ${indices[0]}`);
        },
      },
      until: { steps: 2 },
      step: ({ indices }) => void events.push(`use ${indices[0]}`),
    }));
    expect(log.filter((line) => /load|use/.test(line))).toEqual(['load 0', 'load 1', 'use 0', 'use 1']);
  });

  it('lets an error of loading ahead surface in the step that needs the batch', async () => {
    const events: string[] = [];
    await expect(
      runLoop(() => ({
        data: {
          examples: 4,
          batchSize: 1,
          shuffle: false,
          prefetch: 3,
          load(indices) {
            if (indices[0] === 2) throw new Error('disk on fire');
          },
        },
        until: { epochs: 1 },
        step: ({ step }) => void events.push(`step ${step}`),
      })),
    ).rejects.toThrow('disk on fire');
    expect(events).toEqual(['step 0', 'step 1']);
  });

  it('tells loads under way when it ends', async () => {
    let signal: AbortSignal | undefined;
    await runLoop(() => ({
      data: {
        examples: 9,
        batchSize: 1,
        async load(_, moment) {
          signal = moment.signal;
        },
      },
      until: { steps: 5 },
      step: (moment) => (moment.step === 1 ? moment.stop('enough') : undefined),
    }));
    expect(signal?.aborted).toBe(true);
  });

  it('disposes the tensors of a batch after the step, not before', async () => {
    const disposed: string[] = [];
    await runLoop(() => ({
      data: {
        examples: 2,
        batchSize: 1,
        load: ([index]) => ({
          xs: [{ shape: [], dtype: 'float32', dispose: () => disposed.push(`batch ${index}`) }],
        }),
      },
      until: { epochs: 1 },
      step: ({ indices }) => void disposed.push(`step ${indices[0]}`),
    }));
    expect(disposed.map((line) => line.split(' ')[0])).toEqual(['step', 'batch', 'step', 'batch']);
  });

  it('stops before a state with a non-finite loss is saved, and takes other metrics as they are', async () => {
    const saved: number[] = [];
    const run = runLoop(
      () => ({
        until: { steps: 9 },
        step: ({ step }) => ({ loss: step === 4 ? Infinity : 1, longest: -Infinity }),
      }),
      { at: (step) => (saved.push(step), 'save') },
    );
    await expect(run).rejects.toThrow(NonFiniteLossError);
    await expect(run).rejects.toThrow(/loss of step 5 is Infinity/);
    expect(saved.at(-1)).toBe(4);
  });

  it('ends after the step that says stop, with the reason in the state', async () => {
    const { end, final, run } = await runLoop(() => ({
      until: { steps: 100 },
      step: (moment) => (moment.step === 2 ? moment.stop('reward reached') : undefined),
      evaluate: () => ({ reward: 7 }),
    }));
    expect(end).toBe('ended');
    expect(run.progress.stopped).toBe('reward reached');
    expect(documentOf(final)).toMatchObject({
      position: { step: 3 },
      stopped: 'reward reached',
      evaluation: { step: 3 },
    });
  });

  it('takes no step where nothing is left to do', async () => {
    const { final } = await runLoop(program());
    const { log, final: again } = await runLoop(program(), { from: final });
    expect(log).toEqual([]);
    expect(again).toEqual(final);
  });

  it('yields to the event loop between two steps', async () => {
    let turns = 0;
    const tick = setInterval(() => turns++, 0);
    await runLoop(() => ({ until: { steps: 50 }, step: () => new Promise((done) => setTimeout(done, 1)) }));
    const asynchronous = turns;
    await runLoop(() => ({
      until: { steps: 20 },
      step() {
        const end = performance.now() + 2;
        while (performance.now() < end);
      },
    }));
    clearInterval(tick);
    expect(turns - asynchronous).toBeGreaterThan(10);
  });
});

describe('an evaluation in the loop', () => {
  const evaluations = (log: readonly string[]): string[] =>
    log
      .filter((line) => /^(evaluation|evaluating|evaluated|step)/.test(line))
      .map((line) => line.replace(/ \{.*/, ''));

  it('comes when due, once, after the state was secured, and at the end', async () => {
    const { log } = await runLoop(() => ({
      until: { steps: 5 },
      step() {},
      evaluateEvery: { steps: 2 },
      evaluate: () => ({ x: 1 }),
    }));
    const cycle = (step: number): string[] => [`evaluation ${step}`, 'evaluating', 'evaluated'];
    expect(evaluations(log)).toEqual([
      'step 1',
      'step 2',
      ...cycle(2),
      'step 3',
      'step 4',
      ...cycle(4),
      'step 5',
      ...cycle(5),
    ]);
  });

  it.each([
    ['every epoch with data', { data: { examples: 4, batchSize: 2 }, until: { epochs: 2 } }, [2, 4]],
    ['at the end without data', { until: { steps: 3 } }, [3]],
    [
      'every second epoch and at the end',
      { data: { examples: 2, batchSize: 1 }, until: { epochs: 3 }, evaluateEvery: { epochs: 2 } },
      [4, 6],
    ],
  ] as const)('comes %s', async (_, parts, expected) => {
    const steps: number[] = [];
    await runLoop(() => ({
      ...parts,
      step() {},
      evaluate: ({ step }) => {
        steps.push(step);
        return {};
      },
    }));
    expect(steps).toEqual(expected);
  });

  it('runs again after a resume from the snapshot before it, and not after one from behind it', async () => {
    const counted: number[] = [];
    const make = program({
      evaluate: ({ step }) => {
        counted.push(step);
        return { error: step };
      },
    });
    const before = await runLoop(make, {
      hooks: {
        evaluated: () => {
          throw new Error('killed');
        },
      },
    }).catch(() => counted.splice(0));
    expect(before).toEqual([3]);
    const secured = await runLoop(make, { at: (step) => (step === 3 ? 'stop' : 'go-on') });
    counted.splice(0);
    // What was saved last is the state before or behind the evaluation at step 3: here behind, as it was the best.
    expect(documentOf(secured.saved ?? {}).evaluation.step).toBe(3);
    await runLoop(make, { from: secured.saved, at: (step) => (step === 4 ? 'stop' : 'go-on') });
    expect(counted).toEqual([]);
  });

  it('cut short counts for nothing, whether the program throws or returns what it has', async () => {
    for (const isDeaf of [true, false]) {
      const ending = new AbortController();
      let calls = 0;
      const { log, final, end } = await runLoop(
        () => ({
          until: { steps: 1 },
          step() {},
          evaluate({ signal }) {
            calls++;
            ending.abort();
            if (!isDeaf) signal.throwIfAborted();
            return { partial: 1 };
          },
        }),
        {
          hooks: {
            evaluationSignal: () => ending.signal,
            boundary: async () => (calls > 0 ? 'stop' : 'go-on'),
          },
        },
      );
      expect(end).toBe('stopped');
      expect(log.some((line) => line.startsWith('evaluated'))).toBe(false);
      expect(documentOf(final).evaluation).toEqual({ step: null, metrics: {} });
    }
  });

  it('that fails is the error of the program', async () => {
    await expect(
      runLoop(() => ({
        until: { steps: 1 },
        step() {},
        evaluate: () => {
          throw new Error('no test set');
        },
      })),
    ).rejects.toThrow('no test set');
  });

  it('that is the best so far is saved together with what says so', async () => {
    const values = [5, 7, 3];
    const { log } = await runLoop(() => ({
      until: { steps: 3 },
      step() {},
      evaluateEvery: { steps: 1 },
      evaluate: ({ step }) => ({ error: values[step - 1] ?? 0 }),
      best: { metric: 'error', mode: 'min' },
    }));
    // Before each evaluation, and once more behind the first and the third.
    expect(log.filter((line) => line.startsWith('evaluation '))).toEqual([
      'evaluation 1',
      'evaluation 1',
      'evaluation 2',
      'evaluation 3',
      'evaluation 3',
    ]);
  });

  it('ends training when patience is used up', async () => {
    const { final } = await runLoop(() => ({
      until: { steps: 50 },
      step() {},
      evaluateEvery: { steps: 1 },
      evaluate: ({ step }) => ({ error: step === 2 ? 1 : 5 }),
      best: { metric: 'error', mode: 'min', patience: 3 },
    }));
    expect(documentOf(final)).toMatchObject({
      position: { step: 5 },
      stopped: 'no better error in 3 evaluations',
      best: { metric: 'error', value: 1, step: 2, evaluationsWithout: 3 },
    });
  });
});

describe('a snapshot', () => {
  it('is the same bytes for the same state, and fits its schema', async () => {
    const [one, other] = [await runLoop(program()), await runLoop(program())];
    expect(one.final).toEqual(other.final);
    expect(documentOf(one.final)).toMatchObject({
      format: 1,
      seed: 1,
      data: { examples: 10, batchSize: 3, shuffle: true, lastBatch: 'keep' },
      state: { values: { kind: 'plain' } },
    });
    expect(Object.keys(one.final)).toEqual(['values.json', 'trainer.json']);
  });

  it('keeps sums of the running epoch only, with values that JSON cannot hold', async () => {
    const { run, final } = await runLoop(() => ({
      data: { examples: 4, batchSize: 1 },
      until: { epochs: 2 },
      step: ({ step }) => ({ a: step, ...(step > 5 && { rare: step === 7 ? -Infinity : 1 }) }),
    }));
    expect(run.progress.epochMeans).toEqual({ a: 5.5, rare: -Infinity });
    expect(documentOf(final).epochMetrics).toEqual({
      a: { sum: 22, count: 4 },
      rare: { sum: { $: 'number', v: '-Infinity' }, count: 2 },
    });
  });

  it('is refused when the program changed what is not in its state', async () => {
    const { run, state } = await runLoop(program());
    state.forgottenNames = ['counter [3]', 'step [1]'];
    expect(() => takeSnapshot(run)).toThrow(UserProgramError);
    expect(() => takeSnapshot(run)).toThrow(
      '`counter [3]`, `step [1]` changed in training, but are not in the `state`',
    );
    expect(state.heldNow).toBe(0);
  });
});

describe('a resume', () => {
  const other = (more: Partial<Parts<number[]>>) => program(more);

  it('refuses another seed and another order of the data, and lists all of it', async () => {
    const { final } = await runLoop(program());
    const changed = other({ data: { examples: 12, batchSize: 4, shuffle: false, lastBatch: 'drop' } });
    const error: unknown = await runLoop(changed, { from: final, seed: 3 }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(IncompatibleError);
    expect(error).toMatchObject({
      differences: [
        'data.examples: 10 in the checkpoint, 12 here',
        'seed: 1 in the checkpoint, 3 here',
        'data.batchSize: 3 in the checkpoint, 4 here',
        'data.shuffle: true in the checkpoint, false here',
        'data.lastBatch: "keep" in the checkpoint, "drop" here',
      ],
    });
  });

  it('as a fork takes another seed and order, but no other data', async () => {
    const { saved } = await runLoop(program(), {
      at: (step) => (step === 2 ? 'save' : step === 3 ? 'stop' : 'go-on'),
    });
    const changed = other({ data: { examples: 10, batchSize: 5, load: () => [] } });
    const said: string[] = [];
    const say = (line: string): void => void said.push(line);
    const { final } = await runLoop(changed, { from: saved, seed: 3, fork: true, say });
    expect(said).toEqual([
      'the fork differs: seed: 1 in the checkpoint, 3 here',
      'the fork differs: data.batchSize: 3 in the checkpoint, 5 here',
    ]);
    // Nine examples were seen in three steps; a batch of one ends the epoch, then two epochs of two batches.
    expect(documentOf(final).position).toEqual({ step: 8, epoch: 3, example: 0 });
    const less = other({ data: { examples: 9, batchSize: 3 } });
    await expect(runLoop(less, { from: saved, fork: true })).rejects.toThrow(/data\.examples: 10/);
  });

  it('as a fork goes on from where its parent had stopped early', async () => {
    const stopping = { step: (moment: { stop(reason: string): void }) => moment.stop('patience') };
    const { final } = await runLoop(program(stopping));
    expect(documentOf(final).position.step).toBe(1);
    const resumed = await runLoop(program(), { from: final });
    expect(documentOf(resumed.final).position.step).toBe(1);
    const fork = await runLoop(program(), { from: final, fork: true });
    expect(documentOf(fork.final)).toMatchObject({ position: { epoch: 3 }, stopped: null });
  });
});

describe('a training that does not fit together', () => {
  const refused: readonly (readonly [Partial<Parts<number[]>>, RegExp])[] = [
    [{ until: { epochs: 2 } }, /until counts epochs, but the training has no data/],
    [{ until: { steps: 0 } }, /until\.steps must be a whole number above 0/],
    [{ best: { metric: 'x', mode: 'min' } }, /`best`, but no `evaluate`/],
    [{ evaluateEvery: { steps: 2 } }, /`evaluateEvery`, but no `evaluate`/],
    [{ evaluateEvery: { epochs: 2 }, evaluate: () => ({}) }, /evaluateEvery counts epochs/],
    [{ data: { examples: 2, batchSize: 3, lastBatch: 'drop' } }, /no batch at all/],
  ];
  it.each(refused)('is refused: %o', async (parts, message) => {
    const run = runLoop<number[]>(() => ({ until: { steps: 1 }, step() {}, ...parts }));
    await expect(run).rejects.toThrow(UserProgramError);
    await expect(run).rejects.toThrow(message);
  });
});
