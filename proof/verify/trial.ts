import { join } from 'node:path';
import type { TrainerOrder } from '../../job/trainer/start-trainer.ts';
import { makeAttemptDirs } from '../../job/work-dirs.ts';
import type { Clock } from '../../lib/base/clock.ts';
import { builtFile } from '../../lib/base/package-files.ts';
import { unknownRisk } from '../../lib/checkpoint/interruption-risk.ts';
import type { JobSpec } from '../../lib/contract/job-spec.ts';
import type { CopiedCheckpoint } from './copied-checkpoint.ts';
import type { KillPoint } from './interruption.ts';
import type { StepLog } from './step-log.ts';
import { placeProgram, type ProcessResult, superviseProcess } from './supervised-process.ts';
import { tracedProcess } from './trace/trace-process.ts';

/** A program that is ready to be run again and again. */
export interface TrialProgram {
  /** Bundled. */
  readonly code: string;
  readonly spec: JobSpec;
  /** Local path of each input. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly inputDigests: Readonly<Record<string, string>>;
}

export interface TrialOptions {
  readonly program: TrialProgram;
  /** A folder of its own: everything that the processes write. */
  readonly dir: string;
  /** Of how resumed processes are disturbed. */
  readonly seed: number;
  readonly clock: Clock;
}

export interface ProcessWish {
  /** Undefined: a fresh start. A process that resumes is put into other surroundings. */
  readonly from?: CopiedCheckpoint | undefined;
  readonly saveAtSteps?: readonly number[];
  readonly endAtStep?: number | undefined;
  readonly kill?: KillPoint | undefined;
  readonly onRecords?: (log: StepLog) => boolean;
  /** Where it notes what the program asks the machine. @default with the processes that are compared */
  readonly traceDir?: string;
  readonly signal: AbortSignal;
}

/** Runs processes of one program, each with folders of its own. */
export class Trial {
  readonly #options: TrialOptions;
  readonly #listeners = new Set<(taken: number) => void>();
  #processes = 0;
  #stepsTaken = 0;

  constructor(options: TrialOptions) {
    this.#options = options;
  }

  /** Notes of all processes about what the program asked the machine. */
  get traceDir(): string {
    return join(this.#options.dir, 'traces');
  }

  /** Calls back with the steps of all processes together, as they are taken. Returns what ends it. */
  onSteps(listener: (taken: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async run(wish: ProcessWish): Promise<ProcessResult> {
    const { program, dir, seed, clock } = this.#options;
    const { from, saveAtSteps = [], endAtStep, kill, signal, onRecords, traceDir = this.traceDir } = wish;
    const number = ++this.#processes;
    const home = join(dir, `process-${number}`);
    const { spec, inputs, inputDigests } = program;
    const dirs = await makeAttemptDirs({
      workDir: home,
      stagingDir: join(home, 'staging'),
      jobId: spec.jobId,
      claim: 1,
      program: spec.program,
    });
    const traced = tracedProcess({ dir: traceDir, disturbed: from !== undefined, seed: seed + number });
    const order: TrainerOrder = {
      spec,
      dirs,
      programPath: await placeProgram(program.code, dirs.home),
      inputs,
      inputDigests,
      resuming: from !== undefined,
      risk: unknownRisk,
      record: { path: join(home, 'steps.ndjson'), stateEverySteps: 1 },
      course: {
        saveAtSteps: [...saveAtSteps],
        ...(endAtStep !== undefined && { endAtStep }),
        // Steps may take less time than a kill: it waits there, whatever the kill follows.
        ...(kill !== undefined && { holdAtStep: kill.step }),
      },
    };
    let counted = 0;
    return superviseProcess({
      order,
      process: {
        command: process.execPath,
        args: [...traced.execArgv, '--enable-source-maps', builtFile('job/trainer/tfjs-host.js')],
        env: traced.env,
        ...(traced.cwd !== undefined && { cwd: traced.cwd }),
      },
      from,
      kill,
      clock,
      signal,
      onRecords: (log) => {
        this.#count(log.records.length - counted);
        counted = log.records.length;
        return onRecords?.(log) ?? false;
      },
    });
  }

  #count(steps: number): void {
    if (steps === 0) return;
    this.#stepsTaken += steps;
    for (const listener of this.#listeners) listener(this.#stepsTaken);
  }
}
