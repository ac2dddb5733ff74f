import type { Clock } from '../../lib/base/clock.ts';
import { UnfitError, UserProgramError } from '../../lib/base/errors.ts';
import { protocolVersion } from '../../lib/contract/trainer-messages.ts';
import { openBackend, type TensorFlow } from '../../lib/tfjs/backend.ts';
import { openState } from '../../lib/tfjs/open-state.ts';
import * as trainingModule from '../../lib/training.ts';
import type { Program, Training } from '../../lib/training/define-training.ts';
import { trainingLoop } from '../../lib/training/loop.ts';
import type { LoopRun } from '../../lib/training/loop-run.ts';
import { resolveParams } from '../../lib/training/params.ts';
import { encodePlain } from '../../lib/training/plain-values.ts';
import { endingAt, planOf } from '../../lib/training/plan.ts';
import { Progress } from '../../lib/training/progress.ts';
import { installMathRandom, randomStreams } from '../../lib/training/random-streams.ts';
import { resumeRun } from '../../lib/training/resume.ts';
import type { SavableRun } from '../../lib/training/snapshot.ts';
import { finite } from '../../lib/training/tensors.ts';
import { gpuMemory } from './gpu-memory.ts';
import { type HostSession, sayToPeople } from './host-session.ts';
import type { HostStart } from './host-start.ts';
import { checkedTraining, loadProgram } from './load-program.ts';
import { showOnlookers, type TrainingSight } from './onlookers.ts';
import { RestoredFiles } from './restored-files.ts';
import { StepRecorder } from './step-recorder.ts';
import { withoutNewListeners } from './without-new-listeners.ts';

export interface HostOptions {
  readonly start: HostStart;
  readonly session: HostSession;
  readonly clock: Clock;
}

/** A trainer's whole life: set up, begin where the supervisor says, train, and stage the result. */
export async function runHost({ start, session, clock }: HostOptions): Promise<void> {
  const { checkpoints, reports } = session;
  const { tf, runtime } = await withoutNewListeners(() => openBackend(start.backend));
  session.send({ kind: 'hello', protocol: protocolVersion, runtime });
  reports.phase('setup');
  const gpu = gpuMemory(runtime);
  const program = await loadProgram(start.program, { tf, training: trainingModule });
  const run = await setUp(program, { start, session, clock }, { tf, gpu });
  reports.phase('waiting');
  const order = await session.order();
  if (order !== 'stop') {
    if (order.kind === 'restore') {
      reports.phase('restoring');
      restore(run, program, order);
    } else if (start.resuming)
      throw new UnfitError('a checkpoint was announced, but a fresh start was ordered.');
    await reserveRoom(run, session);
    run.recorder?.began(run, order.kind === 'restore');
    run.show('began');
    checkpoints.attach(run);
    const end = await trainingLoop(run);
    if (end === 'ended') await finish(run, session);
  }
  await run.training.dispose?.();
  await session.quit();
}

type HostRun = SavableRun &
  LoopRun & {
    readonly recorder: StepRecorder | undefined;
    readonly show: (when: TrainingSight['when']) => void;
  };

/** Runs at once, beside the supervisor's download; nothing of a checkpoint is needed for it. */
async function setUp(
  program: Program<unknown, unknown>,
  options: HostOptions,
  { tf, gpu }: { readonly tf: TensorFlow; readonly gpu: Promise<number | undefined> },
): Promise<HostRun> {
  const { start, session, clock } = options;
  const { inputs, inputDigests, resuming } = start;
  const seed = start.seed ?? program.seed ?? 1;
  if (!Number.isSafeInteger(seed))
    throw new UserProgramError(`the seed must be a whole number, not ${seed}.`);
  const params = resolveParams(program.params, start.params);
  const streams = randomStreams(seed);
  const mathRandom = installMathRandom();
  const rng = streams.setup();
  const returned = await mathRandom.run(rng, () =>
    program.setup({ params, rng, inputs, resuming, signal: session.signal }),
  );
  const training = checkedTraining(returned);
  const state = openState(tf, training.state, { omit: start.save.omit, gpuBytes: await gpu });
  // The base line: whatever changes from here on must be in `state`.
  state.forgotten();
  const progress = new Progress();
  const run = {
    identity: { seed, params: encodePlain(params, { at: 'params' }), inputs: inputDigests },
    training,
    plan: endingAt(planOf(training, streams), start.course?.endAtStep),
    streams,
    mathRandom,
    state,
    progress,
    clock,
    recorder: start.record && new StepRecorder(start.record),
    show: (when: TrainingSight['when']) =>
      showOnlookers({ when, program, training, step: progress.position.step, resumed: resuming }),
  };
  run.show('set-up');
  return { ...run, hooks: hooksOf(run, session, start.course?.holdAtStep) };
}

function hooksOf(run: Omit<HostRun, 'hooks'>, session: HostSession, holdAtStep = Infinity): HostRun['hooks'] {
  const { checkpoints, reports } = session;
  const { plan, progress } = run;
  let stepsHere = 0;
  return {
    async boundary() {
      // Most optimizers have their slots from the first step on: only now is the size of a checkpoint known.
      if (stepsHere === 1) await reserveRoom(run, session);
      return checkpoints.boundary(progress.position.step >= holdAtStep);
    },
    secure: (reason) => checkpoints.secure(reason),
    phase(phase) {
      reports.phase(phase);
      checkpoints.leaveBoundary(phase === 'evaluating' ? 'evaluation' : 'step');
    },
    stepped(step) {
      stepsHere++;
      session.noteStep(progress.position.step);
      run.recorder?.stepped(run, step.metrics);
      run.show('stepped');
      reports.stepped(plan, progress, step);
    },
    evaluated(metrics) {
      run.recorder?.evaluated(run, metrics);
      run.show('evaluated');
      reports.evaluated(plan, progress, metrics);
    },
    evaluationSignal: () => checkpoints.evaluationSignal(),
  };
}

function restore(
  run: HostRun,
  program: Program<unknown, unknown>,
  order: { readonly dir: string; readonly fork: boolean },
): void {
  const { dir, fork } = order;
  const files = new RestoredFiles(dir);
  try {
    resumeRun(run, {
      file: (path) => files.open(path),
      fork,
      say: sayToPeople,
      ...(program.migrate !== undefined && { migrate: (wanted) => program.migrate?.(wanted) }),
    });
  } finally {
    files.close();
  }
}

async function reserveRoom(run: Omit<HostRun, 'hooks'>, session: HostSession): Promise<void> {
  const held = run.state.hold();
  held.release();
  await session.slots.reserve(held.files);
}

/** Stages the result, tells that it is one, and waits until the supervisor has it. */
async function finish(run: HostRun, session: HostSession): Promise<void> {
  const { progress, plan } = run;
  const last = await session.checkpoints.final();
  if (last === 'stop') return;
  if (last === undefined) throw new UnfitError('the last checkpoint could not be staged: the disk is full.');
  session.reports.phase('done');
  session.send({
    kind: 'done',
    ...last,
    reason: progress.stopped ?? reasonOf(plan.until),
    ...progress.position,
    metrics: { ...finite(progress.epochMeans), ...finite(progress.evaluation.metrics) },
  });
  await session.checkpoints.stopped();
}

function reasonOf(until: Training['until']): string {
  return 'steps' in until ? `all steps are done: ${until.steps}` : `all epochs are done: ${until.epochs}`;
}
