import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { bundleTestProgram, bundleText } from '../../support/bundle.ts';
import { type CopiedCheckpoint, TrainerDriver, trainerDocumentOf } from '../../support/trainer-driver.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000, maxConcurrency: 2 });

let dir: string;
let program: string;
let reference: CopiedCheckpoint;
let early: CopiedCheckpoint;
const start = { params: { epochs: 3 }, save: { everySteps: 6 } };
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'trainer-interruptions-'));
  program = await bundleTestProgram('small-net', dir);
  const driver = new TrainerDriver({ program, dir, start });
  reference = await driver.finish();
  const first = driver.copies[0];
  if (first === undefined) throw new Error('nothing was staged');
  early = first;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const notice = { kind: 'checkpoint', id: 's1', reason: 'notice', halt: true } as const;

async function stopped(driver: TrainerDriver): Promise<void> {
  driver.send({ kind: 'stop' });
  expect(await driver.exited).toEqual({ code: 0, signal: null });
}

async function finishFrom(from: CopiedCheckpoint | undefined): Promise<CopiedCheckpoint> {
  return new TrainerDriver({ program, dir, start, from }).finish();
}

describe.concurrent('a notice', () => {
  it('while the trainer waits for its first order changes nothing: nothing was trained', async () => {
    const driver = new TrainerDriver({ program, dir, start, waitToBegin: true });
    await driver.saw('phase', ({ phase }) => phase === 'waiting');
    driver.send(notice);
    expect(await driver.saw('unchanged')).toMatchObject({ id: 's1', as: 'fresh' });
    await stopped(driver);
  });

  it('during the restore is answered with the restored checkpoint, and no step is taken', async () => {
    const driver = new TrainerDriver({ program, dir, start, from: early, waitToBegin: true });
    driver.begin();
    driver.send(notice);
    expect(await driver.saw('unchanged')).toMatchObject({ id: 's1', as: 'restored' });
    await systemClock.sleep(200);
    expect(driver.all('progress')).toEqual([]);
    await stopped(driver);
  });

  it('during the first step is answered with a checkpoint of that step', async () => {
    const driver = new TrainerDriver({ program, dir, start });
    await driver.saw('phase', ({ phase }) => phase === 'first-step');
    driver.send(notice);
    const staging = await driver.saw('staging', ({ id }) => id === 's1');
    expect(staging.reason).toBe('notice');
    await driver.saw('staged', ({ id }) => id === 's1');
    await systemClock.sleep(100);
    // Halted: nothing is trained or saved after it.
    expect(driver.all('staging').at(-1)?.id).toBe('s1');
    await stopped(driver);
    const copy = driver.copies.find(({ id }) => id === 's1');
    expect((await finishFrom(copy)).digests).toEqual(reference.digests);
  });

  it('during an evaluation is answered at once, and the evaluation runs again after the resume', async () => {
    const slow = { ...start, params: { ...start.params, pauseMs: 60_000 } };
    const driver = new TrainerDriver({ program, dir, start: slow });
    await driver.saw('phase', ({ phase }) => phase === 'evaluating');
    driver.send(notice);
    const { as } = await driver.saw('unchanged');
    const copy = driver.copies.find(({ id }) => id === as);
    expect(copy).toMatchObject({ step: 17, reason: 'evaluation' });
    await stopped(driver);
    expect(driver.all('progress').filter(({ evaluation }) => evaluation !== undefined)).toEqual([]);
    const resumed = new TrainerDriver({ program, dir, start: slow, from: copy });
    await resumed.saw('phase', ({ phase }) => phase === 'evaluating');
    await resumed.kill();
    expect(resumed.all('phase').map(({ phase }) => phase)).not.toContain('first-step');
  });

  it('while another checkpoint is being saved is answered with a newer one or the same', async () => {
    const driver = new TrainerDriver({ program, dir, start });
    const { id } = await driver.saw('staging');
    driver.send(notice);
    const answered = await Promise.race([
      driver.saw('staged', (staged) => staged.id === 's1').then(() => 's1'),
      driver.saw('unchanged').then(({ as }) => as),
    ]);
    expect([id, 's1']).toContain(answered);
    await stopped(driver);
    const copy = driver.copies.find((one) => one.id === answered);
    expect((await finishFrom(copy)).digests).toEqual(reference.digests);
  });

  it('waits for a slot when both are taken, and takes no step meanwhile', async () => {
    const driver = new TrainerDriver({
      program,
      dir,
      start: { ...start, save: { everySteps: 2 } },
      keepSlots: true,
    });
    await driver.sawStaged(2);
    driver.send(notice);
    await driver.saw(
      'phase',
      () => driver.all('phase').filter(({ phase }) => phase === 'waiting').length > 1,
    );
    const before = driver.all('progress').length;
    await systemClock.sleep(150);
    expect(driver.all('progress').length).toBe(before);
    expect(driver.all('staging').some(({ id }) => id === 's1')).toBe(false);
    driver.send({ kind: 'release', slot: 1 });
    expect((await driver.saw('staged', ({ id }) => id === 's1')).slot).toBe(1);
    await stopped(driver);
  });
});

describe.concurrent('a request without halt', () => {
  it('is answered with a checkpoint, and training goes on to the same end', async () => {
    const driver = new TrainerDriver({ program, dir, start });
    await driver.saw('phase', ({ phase }) => phase === 'training');
    driver.send({ kind: 'checkpoint', id: 's1', reason: 'rebalance', halt: false });
    await Promise.race([driver.saw('staged', ({ id }) => id === 's1'), driver.saw('unchanged')]);
    expect((await driver.finish()).digests).toEqual(reference.digests);
  });

  it('after the end is answered with the result', async () => {
    const driver = new TrainerDriver({ program, dir, start });
    const { id } = await driver.saw('done');
    driver.send(notice);
    expect((await driver.saw('unchanged')).as).toBe(id);
    await stopped(driver);
  });
});

describe.concurrent('an evaluation', () => {
  it('begins only when the state that it evaluates is staged in full', async () => {
    const driver = new TrainerDriver({ program, dir, start });
    await driver.finish();
    const kinds = driver.messages.map((message) =>
      message.kind === 'phase' ? message.phase : message.kind === 'staged' ? `staged ${message.id}` : '',
    );
    const evaluations = kinds.flatMap((kind, at) => (kind === 'evaluating' ? [at] : []));
    expect(evaluations).toHaveLength(2);
    for (const at of evaluations) {
      const staged = driver.all('staging').findLast(({ id }) => kinds.slice(0, at).includes(`staged ${id}`));
      expect([17, 30]).toContain(staged?.step);
    }
    const steps = driver
      .all('progress')
      .flatMap(({ evaluation, step }) => (evaluation === undefined ? [] : [step]));
    expect(steps).toEqual([17, 30]);
  });
});

describe.concurrent('the end of the supervisor', () => {
  it('ends the trainer at its next step', async () => {
    const driver = new TrainerDriver({ program, dir, start: { ...start, params: { epochs: 100_000 } } });
    await driver.saw('phase', ({ phase }) => phase === 'training');
    driver.disappear();
    expect(await driver.exited).toEqual({ code: 75, signal: null });
  });

  it('ends a trainer that waits for its first order', async () => {
    const driver = new TrainerDriver({ program, dir, start, waitToBegin: true });
    await driver.saw('phase', ({ phase }) => phase === 'waiting');
    driver.disappear();
    expect(await driver.exited).toEqual({ code: 75, signal: null });
  });

  it('is not taken from a signal to the group: the supervisor answers signals', async () => {
    const driver = new TrainerDriver({ program, dir, start });
    await driver.saw('phase', ({ phase }) => phase === 'first-step');
    driver.child.kill('SIGTERM');
    driver.child.kill('SIGINT');
    expect((await driver.finish()).digests).toEqual(reference.digests);
  });
});

describe.concurrent('stop', () => {
  it('ends an evaluation that does not look at its signal', async () => {
    const deaf = await bundleText(
      'deaf',
      `import { defineTraining } from 'holdfast/training';
       export default defineTraining({ setup: () => ({
         state: { count: { n: 0 } }, until: { steps: 1 }, step() {},
         evaluate: () => new Promise(() => setInterval(() => {}, 1000)),
       }) });`,
      dir,
    );
    const driver = new TrainerDriver({ program: deaf, dir });
    await driver.saw('phase', ({ phase }) => phase === 'evaluating');
    await stopped(driver);
  });

  it('runs `dispose` of the program', async () => {
    const tidy = await bundleText(
      'tidy',
      `import { writeFileSync } from 'node:fs';
       import { defineTraining } from 'holdfast/training';
       export default defineTraining({ setup: ({ inputs }) => ({
         state: { count: { n: 0 } }, until: { steps: 2 }, step() {},
         async dispose() { await null; writeFileSync(inputs['mark']!, 'disposed'); },
       }) });`,
      dir,
    );
    const mark = join(dir, 'mark');
    await new TrainerDriver({ program: tidy, dir, start: { inputs: { mark } } }).finish();
    expect(readFileSync(mark, 'utf8')).toBe('disposed');
  });
});

describe.concurrent('a full disk', () => {
  it('in one slot leaves the other, and training ends with the same bytes', async () => {
    const driver = new TrainerDriver({ program, dir, start, waitToBegin: true });
    fillUp(driver, 1);
    driver.begin();
    const result = await driver.finish();
    expect(result.digests).toEqual(reference.digests);
    expect(new Set(driver.all('staging').map(({ slot }) => slot))).toEqual(new Set([0]));
  });

  it('everywhere is told before training', async () => {
    const driver = new TrainerDriver({ program, dir, start, waitToBegin: true });
    fillUp(driver, 0);
    driver.begin();
    const { error } = await driver.saw('failed');
    expect(error).toMatchObject({ cause: 'infrastructure', step: 0 });
    expect(error.message).toMatch(/no room to stage a checkpoint.*neededBytes/);
    expect(driver.all('progress')).toEqual([]);
    expect((await driver.exited).code).toBe(70);
  });

  it('that comes later abandons checkpoints, and training goes on', async () => {
    const driver = new TrainerDriver({ program, dir, start, waitToBegin: true });
    // The state of the trainer is written at the end of a snapshot, and is not reserved before.
    const slot = join(driver.stagingDir, 'slot-0');
    mkdirSync(slot, { recursive: true });
    symlinkSync('/dev/full', join(slot, 'trainer.json'));
    driver.begin();
    expect((await driver.saw('abandoned')).why).toMatch(/ENOSPC/);
    await driver.saw('progress', ({ step }) => step >= 20);
    await driver.kill();
    const copy = driver.copies.at(-1);
    if (copy !== undefined) expect(trainerDocumentOf(copy)).toMatchObject({ format: 1 });
  });
});

/** Makes every write to the weights in this slot fail with ENOSPC. */
function fillUp(driver: TrainerDriver, slot: number): void {
  const folder = join(driver.stagingDir, `slot-${slot}`);
  mkdirSync(folder, { recursive: true });
  symlinkSync('/dev/full', join(folder, 'model.safetensors'));
}
