import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HostCheckpoints } from '../../../job/trainer/host-checkpoints.ts';
import { Slots } from '../../../job/trainer/slots.ts';
import type { SaveCosts } from '../../../lib/checkpoint/adaptive-interval.ts';
import { everySteps, type SavePolicy } from '../../../lib/checkpoint/policy.ts';
import type { TrainerMessage } from '../../../lib/contract/trainer-messages.ts';
import { planOf } from '../../../lib/training/plan.ts';
import { Progress } from '../../../lib/training/progress.ts';
import { randomStreams } from '../../../lib/training/random-streams.ts';
import { FakeTrainingState } from '../../support/fake-training-state.ts';
import { manualClock } from '../../support/manual-clock.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'host-checkpoints-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A trainer whose steps the test takes by hand. */
function world(policy: SavePolicy = () => undefined) {
  const sent: string[] = [];
  const slots = new Slots(dir);
  const state = new FakeTrainingState({ step: 0 });
  const progress = new Progress();
  const plan = planOf(
    { state: {}, until: { steps: 100 }, step() {}, evaluate: () => ({}) },
    randomStreams(1),
  );
  let waits = 0;
  const said: string[] = [];
  const checkpoints = new HostCheckpoints({
    slots,
    send: (message) => sent.push(inWords(message)),
    shouldSave: policy,
    clock: manualClock(),
    onWaiting: () => waits++,
    say: (line) => said.push(line),
  });
  checkpoints.begin('fresh');
  const run = { identity: { seed: 1, params: {}, inputs: {} }, plan, progress, state };
  return {
    checkpoints,
    state,
    run,
    sent,
    said,
    waits: () => waits,
    attach: () => checkpoints.attach(run),
    /** Takes a step, and comes to its boundary. */
    step: async (): Promise<'go-on' | 'stop'> => {
      checkpoints.leaveBoundary('step');
      progress.stepped({ ...progress.position, step: progress.position.step + 1 }, {}, null);
      state.values = { step: progress.position.step };
      return checkpoints.boundary();
    },
    request: (id: string, halt = false) => checkpoints.request({ id, reason: 'notice', halt }),
    idle: () => checkpoints.idle(),
  };
}

function inWords(message: TrainerMessage): string {
  if (message.kind === 'staging')
    return `staging ${message.id} ${message.reason} in ${message.slot} at ${message.step}`;
  if (message.kind === 'unchanged') return `unchanged ${message.id} as ${message.as}`;
  if (message.kind === 'staged') return `staged ${message.id}`;
  return message.kind === 'written' ? '' : message.kind;
}

const told = (sent: readonly string[]): string[] => sent.filter((line) => line !== '');

describe('a request', () => {
  it('before training is answered at once: nothing has changed', () => {
    const { request, sent, checkpoints } = world();
    request('s1');
    checkpoints.begin('restored');
    request('s2', true);
    expect(sent).toEqual(['unchanged s1 as fresh', 'unchanged s2 as restored']);
  });

  it('in a step waits for its end, and is answered with the state behind it', async () => {
    const { attach, step, request, sent, idle, checkpoints } = world();
    attach();
    checkpoints.leaveBoundary('step');
    request('s1');
    expect(sent).toEqual([]);
    await step();
    await idle();
    expect(told(sent)).toEqual(['staging s1 notice in 0 at 1', 'staged s1']);
  });

  it('for a state that is staged or committed is answered with that checkpoint', async () => {
    const { attach, step, request, sent, idle, checkpoints } = world(everySteps(1));
    attach();
    await step();
    await idle();
    request('s1');
    checkpoints.released({ slot: 0, committed: true });
    request('s2');
    expect(told(sent).slice(-2)).toEqual(['unchanged s1 as t1', 'unchanged s2 as t1']);
  });

  it('for a state whose checkpoint was given up is answered with a new one', async () => {
    const { attach, step, request, sent, idle, checkpoints } = world(everySteps(1));
    attach();
    await step();
    await idle();
    checkpoints.released({ slot: 0, committed: false });
    request('s1');
    await checkpoints.boundary();
    await idle();
    expect(told(sent).slice(-2)).toEqual(['staging s1 notice in 0 at 1', 'staged s1']);
  });

  it('says once that no slot is free, and only for a state that none of them holds', async () => {
    const { attach, step, request, sent, idle, checkpoints } = world((moment) =>
      moment.step < 3 ? 'early' : undefined,
    );
    attach();
    await step();
    await idle();
    await step();
    request('s1');
    await idle();
    request('s2');
    expect(told(sent)).not.toContain('no-slot');
    checkpoints.leaveBoundary('step');
    request('s3');
    await step();
    await step();
    expect(told(sent).filter((line) => line === 'no-slot')).toHaveLength(1);
    checkpoints.released({ slot: 0, committed: false });
    await step();
    expect(told(sent).at(-1)).toBe('staging s3 notice in 0 at 5');
    await idle();
  });

  it('while another snapshot is being written comes after it, and training goes on', async () => {
    const { attach, step, request, sent, idle } = world((moment) =>
      moment.step === 1 ? 'the first step' : undefined,
    );
    attach();
    await step();
    request('s1');
    expect(await step()).toBe('go-on');
    expect(told(sent)).toEqual(['staging t1 policy in 0 at 1']);
    await idle();
    await step();
    await idle();
    expect(told(sent)).toEqual([
      'staging t1 policy in 0 at 1',
      'staged t1',
      'staging s1 notice in 1 at 3',
      'staged s1',
    ]);
  });

  it('takes no step at the end of its course, while what is due is saved, and then leads on only to the stop', async () => {
    const { attach, step, run, sent, idle, checkpoints } = world((moment) =>
      moment.step === 1 ? 'the first step' : undefined,
    );
    attach();
    await step();
    checkpoints.leaveBoundary('step');
    run.progress.stepped({ ...run.progress.position, step: 2 }, {}, null);
    let end: string | undefined;
    const boundary = checkpoints.boundary(true).then((outcome) => (end = outcome));
    await idle();
    await new Promise((resolve) => setImmediate(resolve));
    expect([end, told(sent)]).toEqual([undefined, ['staging t1 policy in 0 at 1', 'staged t1']]);
    checkpoints.stop();
    await boundary;
    expect(end).toBe('stop');
  });

  it('with halt lets no step be taken until the stop, and says that it waits', async () => {
    const { attach, step, request, sent, waits, checkpoints } = world();
    attach();
    request('s1', true);
    expect(told(sent)).toEqual(['unchanged s1 as fresh']);
    let end: string | undefined;
    const boundary = step().then((outcome) => (end = outcome));
    await checkpoints.idle();
    await new Promise((resolve) => setImmediate(resolve));
    expect(end).toBeUndefined();
    expect(waits()).toBeGreaterThan(0);
    checkpoints.stop();
    await boundary;
    expect(end).toBe('stop');
  });

  it('with halt waits for a slot when none is free', async () => {
    const { attach, step, request, sent, idle, checkpoints } = world(everySteps(1));
    attach();
    await step();
    await idle();
    await step();
    await idle();
    await step();
    request('s1', true);
    const boundary = checkpoints.boundary();
    await new Promise((resolve) => setImmediate(resolve));
    expect(told(sent).slice(-2)).toEqual(['staged t2', 'no-slot']);
    checkpoints.released({ slot: 1, committed: true });
    await new Promise((resolve) => setImmediate(resolve));
    await idle();
    expect(told(sent).slice(-2)).toEqual(['staging s1 notice in 1 at 3', 'staged s1']);
    checkpoints.stop();
    expect(await boundary).toBe('stop');
  });

  it('in an evaluation takes no snapshot, for weights may be exchanged for a while', async () => {
    const { attach, step, request, sent, idle, checkpoints, run } = world();
    attach();
    await step();
    await checkpoints.secure('evaluation');
    const signal = checkpoints.evaluationSignal();
    checkpoints.leaveBoundary('evaluation');
    request('s1');
    expect(signal.aborted).toBe(false);
    checkpoints.released({ slot: 0, committed: false });
    request('s2', true);
    expect(signal.aborted).toBe(true);
    await idle();
    expect(told(sent)).toEqual(['staging t1 evaluation in 0 at 1', 'staged t1', 'unchanged s1 as t1']);
    expect(run.state.heldNow).toBe(0);
  });
});

describe('the save policy', () => {
  it('is asked once a step, and is silent at the step of another save', async () => {
    const { attach, step, sent, idle, checkpoints } = world(everySteps(2));
    attach();
    for (let i = 0; i < 4; i++) {
      await step();
      if (i === 1) await checkpoints.secure('evaluation');
      await checkpoints.boundary();
      await idle();
      checkpoints.released({ slot: 0, committed: true });
      checkpoints.released({ slot: 1, committed: true });
    }
    expect(told(sent)).toEqual([
      'staging t1 policy in 0 at 2',
      'staged t1',
      'staging t2 policy in 0 at 4',
      'staged t2',
    ]);
  });

  it('saves as soon as a slot is free when it could not in time', async () => {
    const { attach, step, sent, idle, checkpoints } = world(everySteps(1));
    attach();
    for (let i = 0; i < 4; i++) {
      await step();
      await idle();
    }
    checkpoints.released({ slot: 0, committed: true });
    await step();
    await idle();
    expect(told(sent).filter((line) => line.startsWith('staging'))).toEqual([
      'staging t1 policy in 0 at 1',
      'staging t2 policy in 1 at 2',
      'staging t3 policy in 0 at 5',
    ]);
  });
});

describe('slots', () => {
  it('are freed by a release alone; one that comes while it is written counts at its end', async () => {
    const { attach, step, sent, idle, checkpoints } = world(everySteps(1));
    attach();
    await step();
    checkpoints.released({ slot: 0, committed: false });
    expect(await step()).toBe('go-on');
    expect(told(sent).filter((line) => line.startsWith('staging'))).toHaveLength(1);
    await idle();
    await step();
    await idle();
    expect(told(sent).at(-2)).toBe('staging t2 policy in 0 at 3');
  });

  it('keep what they hold when the state moves on', async () => {
    const { attach, step, state, idle } = world((moment) =>
      moment.step === 1 ? 'the first step' : undefined,
    );
    attach();
    await step();
    expect(state.heldNow).toBe(1);
    await step();
    await idle();
    expect(state.heldNow).toBe(0);
    expect(readFileSync(join(dir, 'slot-0', 'values.json'), 'utf8')).toBe('{"step":1}');
  });
});

describe('final', () => {
  it('stages the result even if nothing has changed, and answers requests with it', async () => {
    const { attach, step, request, sent, checkpoints } = world(everySteps(1));
    attach();
    await step();
    expect(await checkpoints.final()).toEqual({ id: 't2', slot: 1 });
    request('s1', true);
    expect(told(sent).slice(-3)).toEqual(['staging t2 end in 1 at 1', 'staged t2', 'unchanged s1 as t2']);
  });

  it('ends with the stop when no slot comes free, and asks for none: one holds the result', async () => {
    const { attach, step, sent, checkpoints, idle } = world(everySteps(1));
    attach();
    for (let i = 0; i < 2; i++) {
      await step();
      await idle();
    }
    const final = checkpoints.final();
    checkpoints.stop();
    expect(await final).toBe('stop');
    expect(told(sent)).not.toContain('no-slot');
  });
});

describe('where memory is too short for a held snapshot beside training', () => {
  const full = [{ what: 'the memory of this machine', freeBytes: 0, isKept: false }];

  it('training waits at the boundary until it is written, and that is said once', async () => {
    const { attach, step, state, sent, said, waits, run } = world(everySteps(1));
    attach();
    state.memoryLeft = full;
    for (let count = 0; count < 2; count++) {
      const { step: before } = run.progress.position;
      expect(await step()).toBe('go-on');
      expect(told(sent).at(-1)).toBe(`staged t${before + 1}`);
      expect(state.heldNow).toBe(0);
    }
    expect(waits()).toBe(2);
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('the memory of this machine has 0 MB left');
  });

  it('a stop and a halt still come through', async () => {
    const { attach, step, state, request, sent, checkpoints } = world(everySteps(1));
    attach();
    state.memoryLeft = full;
    const boundary = step();
    request('s1', true);
    await checkpoints.idle();
    await new Promise((resolve) => setImmediate(resolve));
    expect(told(sent)).toEqual(['staging t1 policy in 0 at 1', 'staged t1', 'unchanged s1 as t1']);
    checkpoints.stop();
    expect(await boundary).toBe('stop');
  });

  it('memory that grew for one snapshot serves the next', async () => {
    const { attach, step, state, idle, waits } = world(everySteps(1));
    attach();
    state.memoryLeft = [{ what: 'the WebAssembly heap', freeBytes: 1e9, isKept: true }];
    await step();
    await step();
    await idle();
    state.memoryLeft = [{ what: 'the WebAssembly heap', freeBytes: 0, isKept: true }];
    await step();
    expect(waits()).toBe(0);
    expect(state.heldNow).toBe(1);
    await idle();
  });
});

describe('what a save cost', () => {
  it('is told to the policy', async () => {
    const costs: (SaveCosts | undefined)[] = [];
    const { attach, step, idle, checkpoints } = world((moment) => {
      costs.push(moment.costs);
      return moment.step === 1 ? 'the first step' : undefined;
    });
    attach();
    await step();
    await idle();
    checkpoints.released({ slot: 0, committed: true, flushMs: 1_500 });
    await step();
    expect(costs).toEqual([undefined, { stolenSeconds: 0, flushSeconds: 1.5, bytes: expect.any(Number) }]);
  });
});
