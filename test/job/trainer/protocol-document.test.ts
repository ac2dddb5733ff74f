/** The minimal trainer of docs/trainer-protocol.md, driven as the worker drives any trainer. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startLevelOneTrainer } from '../../../job/trainer/level-one-trainer.ts';
import type { Trainer, TrainerExit } from '../../../job/trainer/trainer.ts';
import { unknownRisk } from '../../../lib/checkpoint/interruption-risk.ts';
import type { TrainerMessage } from '../../../lib/contract/trainer-messages.ts';
import { aSpec } from '../../support/a-spec.ts';
import { codeBlocks } from '../../support/house/document-rules.ts';
import { root } from '../../support/house/source-tree.ts';
import { tempDir } from '../../support/temp-dir.ts';

const [python] = codeBlocks(readFileSync(join(root, 'docs', 'trainer-protocol.md'), 'utf8'))
  .filter(({ language }) => language === 'python')
  .map(({ code }) => code);
const hasPython = spawnSync('python3', ['--version']).status === 0;

interface Run {
  readonly trainer: Trainer;
  readonly heard: TrainerMessage[];
  readonly staging: string;
  readonly exit: Promise<TrainerExit>;
  until(kind: TrainerMessage['kind'], fits?: (message: TrainerMessage) => boolean): Promise<void>;
}

/** Starts it; `release`: slots are given back as soon as they are staged, as by a worker with a fast network. */
function start(home: string, { release = true, resuming = false } = {}): Run {
  const dirs = {
    home,
    restored: join(home, 'restored'),
    staging: join(home, 'staging'),
    held: join(home, 'held'),
    checkpoints: join(home, 'checkpoints'),
  };
  for (const dir of Object.values(dirs)) mkdirSync(dir, { recursive: true });
  const script = join(home, 'trainer.py');
  writeFileSync(script, python ?? '');
  const spec = aSpec({
    program: { kind: 'training', sha256: '0'.repeat(64), source: 'x', params: { steps: 40 } },
  });
  const heard: TrainerMessage[] = [];
  const output: string[] = [];
  let changed = (): void => {};
  let ended: (how: TrainerExit) => void = () => {};
  const exit = new Promise<TrainerExit>((resolve) => {
    ended = resolve;
  });
  const trainer = startLevelOneTrainer(
    { spec, dirs, programPath: script, inputs: {}, inputDigests: {}, resuming, risk: unknownRisk },
    {
      message: (message) => {
        heard.push(message);
        if (release && message.kind === 'staged' && message.id !== 'last')
          trainer.send({ kind: 'release', slot: message.slot });
        changed();
      },
      output: (_, line) => output.push(line),
      exit: (how) => {
        ended(how);
        changed();
      },
    },
    { command: 'python3', args: [script] },
  );
  return {
    trainer,
    heard,
    staging: dirs.staging,
    exit,
    async until(kind, fits = () => true) {
      let isOver = false;
      void exit.then(() => {
        isOver = true;
        changed();
      });
      while (!heard.some((message) => message.kind === kind && fits(message))) {
        if (isOver) throw new Error(`the trainer ended before \`${kind}\`:\n${output.join('\n')}`);
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      }
    },
  };
}

const of = <Kind extends TrainerMessage['kind']>(
  run: Run,
  kind: Kind,
): Extract<TrainerMessage, { kind: Kind }>[] =>
  run.heard.filter((message): message is Extract<TrainerMessage, { kind: Kind }> => message.kind === kind);

/** The bytes of the result, read as the worker reads them. */
async function result(run: Run): Promise<string> {
  await run.until('done');
  const [done] = of(run, 'done');
  const staging = of(run, 'staging').find(({ id }) => id === done?.id)!;
  const source = run.trainer.open(staging);
  source.staged();
  const bytes = await source.read('state.json', 0, staging.files[0]!.bytes);
  await source.close();
  run.trainer.send({ kind: 'stop' });
  expect(await run.exit).toEqual({ code: 0, signal: null });
  return new TextDecoder().decode(bytes);
}

describe.skipIf(!hasPython)('the minimal trainer of the protocol document', () => {
  it('trains to its end, and waits for the stop', async () => {
    const run = start(tempDir());
    run.trainer.send({ kind: 'fresh' });
    expect(JSON.parse(await result(run))).toEqual({ step: 40, sum: 780 });
    expect(of(run, 'hello')[0]).toMatchObject({ protocol: 1, runtime: { backend: 'python' } });
    expect(of(run, 'staged').map(({ id }) => id)).toEqual(['t10', 't20', 't30', 't40', 'last']);
  });

  it('stands still when halted, and another process ends with the same bytes', async () => {
    const first = start(tempDir(), { release: false });
    first.trainer.send({ kind: 'fresh' });
    // Both slots are taken by then, so that it waits for one of them.
    await first.until('progress', (message) => message.kind === 'progress' && message.step === 30);
    first.trainer.send({ kind: 'checkpoint', id: 's1', reason: 'notice', halt: true });
    first.trainer.send({ kind: 'release', slot: of(first, 'staging')[0]!.slot });
    await first.until('staged', (message) => message.kind === 'staged' && message.id === 's1');
    const saved = of(first, 'staging').find(({ id }) => id === 's1')!;
    first.trainer.send({ kind: 'release', slot: of(first, 'staging')[1]!.slot });
    await first.until('staged', (message) => message.kind === 'staged' && message.id === 't30');
    first.trainer.send({ kind: 'stop' });
    expect(await first.exit).toEqual({ code: 0, signal: null });
    expect(of(first, 'progress').at(-1)?.step).toBe(30);

    const second = start(tempDir(), { resuming: true });
    const restored = join(second.staging, '..', 'restored');
    cpSync(join(first.staging, `slot-${saved.slot}`), restored, { recursive: true });
    second.trainer.send({ kind: 'restore', dir: restored });
    const whole = start(tempDir());
    whole.trainer.send({ kind: 'fresh' });
    expect(await result(second)).toBe(await result(whole));
    expect(of(second, 'progress')[0]?.step).toBe(31);
    const told = [first, second].map((run) => readFileSync(join(run.staging, '..', 'start.json'), 'utf8'));
    expect(told.map((text) => JSON.parse(text).resuming)).toEqual([false, true]);
  });
});
