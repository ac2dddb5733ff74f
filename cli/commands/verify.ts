import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseNameValues } from '../../lib/client/name-value.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import { drawCurves } from '../../proof/verify/draw-curves.ts';
import { type InterruptionPoint, interruptionWords } from '../../proof/verify/interruption.ts';
import { lossCurves } from '../../proof/verify/loss-curves.ts';
import { plotCurves } from '../../proof/verify/plot-curves.ts';
import { prepareTrial } from '../../proof/verify/prepare-trial.ts';
import { verificationReport, type VerificationReport } from '../../proof/verify/verification-report.ts';
import { type Verification, verifyProgram, type VerifyEvent } from '../../proof/verify/verify-program.ts';
import type { TrialProgram } from '../../proof/verify/trial.ts';
import type { CliContext, Command } from '../context.ts';
import { formatCount } from '../format.ts';
import type { VerifyInput } from '../inputs.ts';
import { refuseUnwritablePicture, writePicture } from '../picture-file.ts';
import { ShareLine } from '../share-line.ts';

/** `holdfast verify train.ts`: exit 0 only if the program resumes exactly, as far as it was looked at. */
export const verify: Command<VerifyInput> = async (context, input) => {
  const { terminal, cwd } = context;
  const picture = input.svg === undefined ? undefined : resolve(cwd, input.svg);
  if (picture !== undefined) await refuseUnwritablePicture(picture);
  // From the start: whatever is under way when somebody hangs up leaves no folder behind.
  const signal = context.untilInterrupted();
  const program = await prepareTrial({
    file: input.program,
    cwd,
    set: parseNameValues(input.set, '--set'),
    inputs: parseNameValues(input.input, '--input'),
    backend: input.backend,
    signal,
  });
  const verification = await verifyIn(context, { program, input, signal });
  const report = verificationReport(verification, input.seed);
  const title = `${input.program}: ${report.resumable ? 'resumes exactly' : 'does not resume exactly'}`;
  const curves = lossCurves(verification);
  if (picture !== undefined && curves !== undefined) await writePicture(picture, drawCurves(curves, title));
  if (terminal.json) terminal.printJson(report);
  else print(context, { verification, report, program: input.program });
  return report.resumable ? exitCodes.ok : exitCodes.checkFailed;
};

/** In a folder of its own, which is gone before anything is printed: a reader may close the pipe at any line. */
async function verifyIn(
  context: CliContext,
  order: { readonly program: TrialProgram; readonly input: VerifyInput; readonly signal: AbortSignal },
): Promise<Verification> {
  const { program, input, signal } = order;
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-verify-'));
  const line = new ShareLine(context);
  try {
    const { steps, interruptions, seed } = input;
    return await verifyProgram({
      program,
      steps,
      interruptions,
      seed,
      dir,
      clock: context.clock,
      signal,
      onEvent: (event) => tell(context, line, { event, seed }),
    });
  } finally {
    line.end();
    // A process that is just being killed may still make a file: then it is tried again.
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

function tell(
  { terminal }: CliContext,
  line: ShareLine,
  { event, seed }: { readonly event: VerifyEvent; readonly seed: number },
): void {
  if (event.kind === 'progress') return line.show('verifying', event.share);
  if (terminal.json) return;
  line.end();
  if (event.kind === 'interrupted') return terminal.say(`  ${pointWords(event.point)}`);
  const { steps, stepsInAll, interruptions } = event;
  terminal.say(
    `${steps} of ${formatCount(stepsInAll, 'step')}, ${formatCount(interruptions, 'interruption')}, seed ${seed}`,
  );
}

function pointWords({ kind, killedAtStep, resumedFromStep }: InterruptionPoint): string {
  const on = resumedFromStep === null ? 'begins afresh' : `goes on from step ${resumedFromStep}`;
  return `killed ${interruptionWords[kind]} (step ${killedAtStep}); another process ${on}`;
}

function print(
  { terminal }: CliContext,
  told: {
    readonly verification: Verification;
    readonly report: VerificationReport;
    readonly program: string;
  },
): void {
  const { verification, report, program } = told;
  const { colors, columns } = terminal;
  const curves = lossCurves(verification);
  if (curves !== undefined) for (const row of plotCurves(curves, columns)) terminal.print(row);
  terminal.print();
  const { firstDivergence, steps, stepsInAll, interruptions, negativeControl, digest } = report;
  if (firstDivergence === null) {
    terminal.print(colors.green(`${program} resumes exactly.`));
    terminal.print(
      `${formatCount(interruptions, 'interruption')}; the same examples, metrics and state in ${formatCount(steps, 'step')}, bit for bit.`,
    );
    if (digest !== null) terminal.print(`final state ${digest}`);
  } else {
    const { component, step, hint, after, expected, found } = firstDivergence;
    terminal.print(colors.red(`${program} does not resume exactly.`));
    terminal.print(`first difference: ${component}, at step ${step}`);
    terminal.print(`  after ${after}`);
    terminal.print(`  left alone: ${expected}`);
    terminal.print(`  here:       ${found}`);
    if (hint !== '') terminal.print(`  next: ${hint}`);
  }
  terminal.print(`negative control: ${negativeControlWords[negativeControl]}`);
  for (const { kind, why } of report.notCovered)
    terminal.print(`not covered: an interruption ${interruptionWords[kind]}: ${why}`);
  if (stepsInAll !== null && steps < stepsInAll)
    terminal.print(`not covered: steps ${steps + 1} to ${stepsInAll} (--steps ${stepsInAll} covers them)`);
}

const negativeControlWords: Readonly<Record<VerificationReport['negativeControl'], string>> = {
  found: 'a part that was dropped from a checkpoint on purpose was found',
  'nothing-to-drop': 'the program keeps nothing that could be dropped',
  missed: 'a part that was dropped from a checkpoint on purpose was not found',
  'not-run': 'not run, since there was no checkpoint to go on from',
};
