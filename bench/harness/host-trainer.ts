import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../lib/base/clock.ts';
import { deferred } from '../../lib/base/deferred.ts';
import { builtFile, packageFile } from '../../lib/base/package-files.ts';
import { unknownRisk } from '../../lib/checkpoint/interruption-risk.ts';
import { bundleProgram } from '../../lib/client/bundle-program.ts';
import type { TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import { startLevelOneTrainer } from '../../job/trainer/level-one-trainer.ts';
import type { Trainer } from '../../job/trainer/trainer.ts';
import type { ClaimedJob } from './supervised-job.ts';

/** Bundles the bench's program into `dir`, as submitting it does. */
export async function bundleStateProgram(dir: string): Promise<string> {
  const path = join(dir, 'program.mjs');
  const { code } = await bundleProgram(packageFile('bench/programs/state-program.ts'));
  writeFileSync(path, code);
  return path;
}

/** The real trainer host as a process, which the bench listens to. */
export class HostTrainer {
  readonly trainer: Trainer;
  readonly #heard: TrainerMessage[] = [];
  readonly #listeners = new Set<(message: TrainerMessage) => void>();
  readonly #exited = deferred();
  #output = '';

  constructor(job: ClaimedJob, programPath: string, options: { readonly resuming: boolean }) {
    const order = {
      spec: job.spec,
      dirs: job.dirs,
      programPath,
      inputs: {},
      inputDigests: {},
      resuming: options.resuming,
      risk: unknownRisk,
    };
    const events = {
      message: (message: TrainerMessage) => {
        this.#heard.push(message);
        for (const listener of this.#listeners) listener(message);
      },
      output: (_: string, line: string) => {
        this.#output = `${this.#output}${line}\n`.slice(-4_000);
      },
      exit: () => this.#exited.resolve(),
    };
    this.trainer = startLevelOneTrainer(order, events, {
      command: process.execPath,
      args: [builtFile('job/trainer/tfjs-host.js')],
    });
  }

  /** Hears every message from the first one on. */
  listen(listener: (message: TrainerMessage) => void): void {
    for (const message of this.#heard) listener(message);
    this.#listeners.add(listener);
  }

  /** Resolves with the first message that `matches`, heard already or not. */
  async saw(what: string, matches: (message: TrainerMessage) => boolean): Promise<TrainerMessage> {
    const found = deferred<TrainerMessage>();
    this.listen((message) => {
      if (matches(message)) found.resolve(message);
    });
    const ended = this.#exited.promise.then(() => {
      throw new Error(`the trainer ended before ${what}: ${this.#failure()}`);
    });
    return await Promise.race([found.promise, ended]);
  }

  /** Ends the process and waits for it. */
  async stop(): Promise<void> {
    this.trainer.send({ kind: 'stop' });
    await this.#exited.promise;
  }

  #failure(): string {
    const failed = this.#heard.find(({ kind }) => kind === 'failed');
    return failed?.kind === 'failed' ? failed.error.message : this.#output;
  }
}

export function isFirstStep(message: TrainerMessage): boolean {
  return message.kind === 'progress' && message.step > 0;
}

/** Lets the program change its whole state in one step, and waits until it has. */
export async function changeState(flag: string): Promise<void> {
  writeFileSync(flag, '');
  while (existsSync(flag)) await systemClock.sleep(2);
}
