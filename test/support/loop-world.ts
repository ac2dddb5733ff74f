import type { Training } from '../../lib/training/define-training.ts';
import { trainingLoop } from '../../lib/training/loop.ts';
import type { LoopHooks } from '../../lib/training/loop-run.ts';
import { planOf } from '../../lib/training/plan.ts';
import { Progress } from '../../lib/training/progress.ts';
import { installMathRandom, randomStreams } from '../../lib/training/random-streams.ts';
import { resumeRun } from '../../lib/training/resume.ts';
import { type SavableRun, takeSnapshot } from '../../lib/training/snapshot.ts';
import { manualClock } from './manual-clock.ts';
import { FakeTrainingState } from './fake-training-state.ts';
import { savedFile } from './saved-state.ts';

/** The files of a snapshot. */
export type SavedFiles = Readonly<Record<string, Uint8Array>>;

export interface LoopWorldOptions {
  readonly seed?: number;
  /** Called at every boundary with the number of completed steps. `'save'` takes a snapshot, `'stop'` ends the process. */
  readonly at?: (step: number) => 'go-on' | 'save' | 'stop';
  readonly from?: SavedFiles | undefined;
  readonly fork?: boolean;
  /** Told what the program's log would say of the resume. */
  readonly say?: (line: string) => void;
  readonly hooks?: Partial<LoopHooks>;
}

export interface LoopResult {
  readonly end: 'ended' | 'stopped';
  readonly run: SavableRun;
  readonly state: FakeTrainingState;
  /** What happened, in order. */
  readonly log: readonly string[];
  /** The newest snapshot. */
  readonly saved: SavedFiles | undefined;
  readonly final: SavedFiles;
}

/** Runs the loop over a fake state, with hooks that stage at once. `make` is `setup`: it gets the state to change. */
export async function runLoop<Batch>(
  make: (values: Record<string, unknown>, log: string[]) => Omit<Training<Batch>, 'state'>,
  options: LoopWorldOptions = {},
): Promise<LoopResult> {
  const { seed = 1, at = () => 'go-on', from, fork = false, say, hooks } = options;
  const state = new FakeTrainingState();
  const log: string[] = [];
  const streams = randomStreams(seed);
  const mathRandom = installMathRandom();
  try {
    // A view of the values that survives `restore`, as a closure over the state of a program does.
    const values = new Proxy<Record<string, unknown>>(
      {},
      {
        get: (_, name) => state.values[String(name)],
        set: (_, name, value) => {
          state.values[String(name)] = value;
          return true;
        },
      },
    );
    // The loop does not look into batches.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const training = { state: {}, ...make(values, log) } as Training<unknown>;
    const plan = planOf(training, streams);
    const progress = new Progress();
    const run = { identity: { seed, params: {}, inputs: {} }, plan, progress, state };
    if (from !== undefined)
      resumeRun(run, {
        file: (path) => savedFile(from[path] ?? new Uint8Array()),
        fork,
        ...(say !== undefined && { say }),
      });
    let saved: SavedFiles | undefined;
    const save = (why: string): void => {
      saved = filesOf(run);
      log.push(`${why} ${progress.position.step}`);
    };
    const end = await trainingLoop({
      ...run,
      training,
      streams,
      mathRandom,
      clock: manualClock(),
      hooks: {
        boundary: async () => {
          const wanted = at(progress.position.step);
          if (wanted === 'save') save('save');
          return wanted === 'stop' ? 'stop' : 'go-on';
        },
        secure: async (reason) => {
          save(reason);
          return 'go-on';
        },
        phase: (phase) => log.push(phase),
        stepped: ({ metrics }) => log.push(`step ${progress.position.step} ${JSON.stringify(metrics)}`),
        evaluated: (metrics) => log.push(`evaluated ${JSON.stringify(metrics)}`),
        evaluationSignal: () => new AbortController().signal,
        ...hooks,
      },
    });
    return { end, run, state, log, saved, final: filesOf(run) };
  } finally {
    mathRandom.uninstall();
  }
}

function filesOf(run: SavableRun): SavedFiles {
  const snapshot = takeSnapshot(run);
  const files = snapshot.files.map((file): [string, Uint8Array] => [
    file.path,
    Buffer.concat(file.pieces.map((piece) => piece.read())),
  ]);
  snapshot.release();
  return Object.fromEntries(files);
}
