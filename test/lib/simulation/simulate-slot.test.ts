import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adaptiveInterval } from '../../../lib/checkpoint/adaptive-interval.ts';
import { interruptionRisk } from '../../../lib/checkpoint/interruption-risk.ts';
import { flushDueInMs } from '../../../lib/checkpoint/notice-budget.ts';
import { initialState } from '../../../lib/journal/fold.ts';
import { goodputOf } from '../../../lib/ledger/goodput.ts';
import { oracleSeconds, simulateSlot, type SlotResult } from '../../../lib/simulation/simulate-slot.ts';
import { flushSecondsOf, simulationOptions } from '../../../lib/simulation/simulation-options.ts';
import { strategiesFor, type Strategy } from '../../../lib/simulation/strategies.ts';
import { type Trace, type UpInterval, upSecondsOf } from '../../../lib/simulation/trace.ts';
import { roundOptions } from '../../support/simulated-options.ts';

const up = (fromSeconds: number, toSeconds: number, end: UpInterval['end'] = 'interrupted'): UpInterval => ({
  fromSeconds,
  toSeconds,
  end,
});

const traceOf = (...intervals: readonly UpInterval[]): Trace => ({
  name: 'by hand',
  spanSeconds: intervals.at(-1)?.toSeconds ?? 0,
  intervals,
});

const listening: Strategy = {
  name: 'listening',
  save: { everySeconds: 1_000 },
  isSynchronous: false,
  onNotice: 'train-on',
};

const run = (
  trace: Trace,
  facts: {
    readonly strategy?: Strategy;
    readonly missed?: readonly boolean[];
    readonly keepsStory?: boolean;
  } = {},
): SlotResult =>
  simulateSlot({
    trace,
    strategy: facts.strategy ?? listening,
    options: roundOptions(),
    missed: facts.missed ?? [],
    keepsStory: facts.keepsStory ?? true,
  });

const sum = (result: SlotResult): number =>
  Object.values(result.seconds).reduce((total, one) => total + one, 0);

describe('one job on one slot, computed by hand', () => {
  it('trains on after a notice until a flush takes the rest of the time', () => {
    // Boot to 100, saves at 1,100, 2,100 and 3,100. The notice comes at 3,480 and is saved at, until 3,481. From then on
    // 1.1 × (1 s flush + 1 s step) + 2.5 s are kept free: 3,595.3, so that 3,496 steps are done. The flush ends at 3,597, the
    // machine at 3,600.
    const result = run(traceOf(up(0, 3_600)));
    expect(result).toMatchObject({ steps: 3_496, lostSteps: 0, saves: 5, interruptions: 1, silent: 0 });
    expect(result.seconds).toEqual({
      starting: 100,
      restoring: 0,
      training: 3_496,
      lost: 0,
      saving: 1,
      waiting: 3,
    });
  });

  it('stops at once where nothing has been measured', () => {
    const strategy = { ...listening, save: { everySeconds: 1e6 } };
    const result = run(traceOf(up(0, 3_600)), { strategy });
    expect(result.steps).toBe(3_380);
    expect(result.seconds).toMatchObject({ training: 3_380, saving: 1, waiting: 119 });
  });

  it('goes back to the last durable checkpoint where the notice is missed', () => {
    const result = run(traceOf(up(0, 3_600)), { missed: [true] });
    expect(result).toMatchObject({ steps: 3_000, lostSteps: 500, saves: 3, silent: 1 });
    expect(result.seconds).toMatchObject({ training: 3_000, lost: 500 });
  });

  it('loses a checkpoint that was on its way when the machine went', () => {
    const result = run(traceOf(up(0, 3_100.5)), { missed: [true] });
    expect(result).toMatchObject({ steps: 2_000, lostSteps: 1_000, saves: 2 });
    expect(result.seconds.lost).toBeCloseTo(1_000.5);
  });

  it('restores on the next machine, and loses nothing where the recording ends', () => {
    const result = run(traceOf(up(0, 3_600), up(4_000, 5_000.5, 'open')));
    // Boot to 4,100; the download and what starts beside it take 1.4 s; 899.1 s are left.
    expect(result.seconds.restoring).toBeCloseTo(1.4);
    expect(result.steps).toBe(3_496 + 899);
    expect(result.lostSteps).toBe(0);
    expect(result.downloadedBytes).toBe(1e9);
  });

  it('takes no job on a machine that boots into its own end', () => {
    const result = run(traceOf(up(0, 200)));
    expect(result.seconds).toMatchObject({ starting: 200, training: 0 });
    expect(result.entries.map(({ kind }) => kind)).toEqual(['submitted']);
  });

  it('stands still for a checkpoint that is synchronous', () => {
    const strategy: Strategy = { ...listening, isSynchronous: true, onNotice: 'nothing' };
    const result = run(traceOf(up(0, 3_600)), { strategy });
    // Saves at 1,100, 2,101 and 3,102, each a second of standing still; 497 steps are lost.
    expect(result).toMatchObject({ saves: 3, steps: 3_000, lostSteps: 497 });
    expect(result.seconds).toMatchObject({ saving: 3, lost: 497 });
  });

  it('gives the oracle all but boot and download', () => {
    const trace = traceOf(up(0, 3_600), up(4_000, 4_050), up(5_000, 6_000, 'open'));
    expect(oracleSeconds(trace, roundOptions())).toBe(3_500 + 899);
  });
});

describe('the policies of the product', () => {
  const options = simulationOptions({ stateBytes: 1e9, missedShare: 0 });
  const [ours] = strategiesFor(options, 9_420);
  const trace = traceOf(up(0, 40_000));
  const result = simulateSlot({ trace, strategy: ours ?? listening, options, missed: [], keepsStory: true });
  const commits = result.entries.flatMap((entry) => (entry.kind === 'checkpoint' ? [entry] : []));

  it('decide when to save', () => {
    const risk = interruptionRisk({
      totals: initialState('').totals,
      newest: undefined,
      store: 's3://simulated',
    });
    const costs = {
      stolenSeconds: options.stallSeconds,
      flushSeconds: flushSecondsOf(options),
      bytes: options.stateBytes,
    };
    const steps = commits.filter(({ reason }) => reason === 'policy').map(({ step }) => step);
    expect(steps.length).toBeGreaterThan(10);
    for (const [index, step] of steps.slice(2).entries()) {
      const gap = (step - (steps[index + 1] ?? 0)) * options.stepSeconds;
      // The age at which the policy was asked, up to the stalls on the way.
      const { seconds } = adaptiveInterval(risk, costs, step * options.stepSeconds);
      expect(gap).toBeGreaterThan(seconds * 0.99);
      expect(gap).toBeLessThan(seconds * 1.01 + options.stepSeconds);
    }
  });

  it('decide how long to train after a notice', () => {
    const [first, flush, ...more] = commits.filter(({ reason }) => reason === 'notice');
    expect(more).toEqual([]);
    const remainingMs = 40_000_000 - Date.parse(first?.at ?? '');
    expect(remainingMs).toBeGreaterThan(100_000);
    const dueInMs = flushDueInMs({
      remainingMs,
      flushMs: flushSecondsOf(options) * 1_000,
      longestGapMs: options.stepSeconds * 1_000,
      isSecured: true,
    });
    const dueAt = 40_000 - (remainingMs - dueInMs) / 1_000;
    const takenAt = Date.parse(flush?.at ?? '') / 1_000 - flushSecondsOf(options);
    expect(takenAt).toBeGreaterThanOrEqual(dueAt);
    expect(takenAt).toBeLessThan(dueAt + 2 * options.stepSeconds);
  });

  it('obey a spec that says when', () => {
    const strategy: Strategy = { ...listening, save: { everySteps: 700 } };
    const told = run(traceOf(up(0, 5_000), up(6_000, 9_000)), { strategy });
    const steps = told.entries.flatMap((entry) =>
      entry.kind === 'checkpoint' && entry.reason === 'policy' ? [entry.step] : [],
    );
    expect(steps.length).toBeGreaterThan(8);
    for (const step of steps) expect(step % 700).toBe(0);
  });
});

const anyTrace = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 20_000 })), { maxLength: 8 })
  .map((pairs): Trace => {
    let at = 0;
    const intervals = pairs.map(([down, lasts], index) => {
      const from = at + down;
      at = from + lasts;
      return up(from, at, index === pairs.length - 1 && lasts % 2 === 0 ? 'open' : 'interrupted');
    });
    return traceOf(...intervals);
  });

const anyOptions = fc
  .record({
    stateBytes: fc.integer({ min: 1, max: 3e10 }),
    stepSeconds: fc.double({ min: 0.05, max: 200, noNaN: true }),
    bootSeconds: fc.integer({ min: 0, max: 300 }),
    stallSeconds: fc.double({ min: 0, max: 2, noNaN: true }),
  })
  .map(simulationOptions);

describe('whatever the trace', () => {
  const scenario = fc.record({
    trace: anyTrace,
    options: anyOptions,
    which: fc.nat({ max: 5 }),
    missed: fc.array(fc.boolean(), { maxLength: 8 }),
  });

  it('books every second of every machine once, and beats the oracle by no more than a download', () => {
    fc.assert(
      fc.property(scenario, ({ trace, options, which, missed }) => {
        const strategy = strategiesFor(options, 9_420)[which] ?? listening;
        const result = simulateSlot({ trace, strategy, options, missed });
        expect(sum(result)).toBeCloseTo(upSecondsOf(trace), 3);
        expect(result.seconds.training).toBeCloseTo(result.steps * options.stepSeconds, 3);
        expect(result.seconds.lost).toBeGreaterThan(result.lostSteps * options.stepSeconds - 1e-3);
        for (const seconds of Object.values(result.seconds)) expect(seconds).toBeGreaterThan(-1e-6);
        const download = options.stateBytes / options.bandwidthBytesPerSecond;
        expect(result.seconds.training).toBeLessThanOrEqual(oracleSeconds(trace, options) + download + 1e-3);
      }),
      { numRuns: 80 },
    );
  });

  it('comes to the same whether like cycles are booked at once or one by one', () => {
    fc.assert(
      fc.property(scenario, ({ trace, options, which, missed }) => {
        fc.pre(options.stepSeconds > 5);
        const strategy = strategiesFor(options, 9_420)[which] ?? listening;
        const quick = simulateSlot({ trace, strategy, options, missed });
        const told = simulateSlot({ trace, strategy, options, missed, keepsStory: true });
        expect(quick.steps).toBe(told.steps);
        expect(quick.saves).toBe(told.saves);
        expect(Math.abs(quick.uploadedBytes - told.uploadedBytes)).toBeLessThan(1_000);
        for (const kind of ['training', 'lost', 'saving'] as const) {
          expect(quick.seconds[kind]).toBeCloseTo(told.seconds[kind], 3);
        }
        const spans = told.spans.reduce(
          (total, { fromSeconds, toSeconds }) => total + toSeconds - fromSeconds,
          0,
        );
        expect(spans).toBeCloseTo(upSecondsOf(trace), 3);
      }),
      { numRuns: 25 },
    );
  });

  it('writes a journal whose ledger tells the same', () => {
    fc.assert(
      fc.property(anyTrace, anyOptions, (trace, options) => {
        const [ours = listening] = strategiesFor(options, 9_420);
        const told = simulateSlot({ trace, strategy: ours, options, missed: [], keepsStory: true });
        fc.pre(trace.intervals.at(-1)?.end === 'interrupted');
        const ledger = goodputOf(told.entries, new Date(trace.spanSeconds * 1_000));
        expect(ledger.steps).toBe(told.steps);
        expect(ledger.lostSteps).toBe(told.lostSteps);
        // The journal does not tell of the time a snapshot takes from training, nor of a step that was cut short.
        const productive =
          told.seconds.training + told.seconds.saving + options.stepSeconds * trace.intervals.length;
        expect(ledger.seconds.productive + ledger.seconds.saving).toBeLessThanOrEqual(
          productive + told.seconds.waiting + 0.1,
        );
        expect(ledger.seconds.restoring).toBeLessThanOrEqual(told.seconds.restoring + 0.1);
      }),
      { numRuns: 25 },
    );
  });
});
