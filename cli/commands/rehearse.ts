import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { UnfitError, UsageError } from '../../lib/base/errors.ts';
import { parseNameValues } from '../../lib/client/name-value.ts';
import { openExistingJob } from '../../lib/client/read-job.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import { drawRehearsal } from '../../proof/rehearsal/draw-rehearsal.ts';
import type { Rehearsal } from '../../proof/rehearsal/judge.ts';
import { type LoadedScenario, loadScenario } from '../../proof/rehearsal/load-scenario.ts';
import { rehearse as runRehearsal, rehearsedJobs } from '../../proof/rehearsal/rehearse.ts';
import type { Subject } from '../../proof/rehearsal/subject.ts';
import type { CliContext, Command } from '../context.ts';
import { LiveDisplay } from '../demo/live-display.ts';
import { formatDuration } from '../format.ts';
import type { RehearseInput } from '../inputs.ts';
import { refuseUnwritablePicture, writePicture } from '../picture-file.ts';
import { rehearsalLines } from '../rehearsal-lines.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast rehearse JOB|PROGRAM --scenario FILE|NAME`: exit 0 only if nothing was lost, repeated or different. */
export const rehearse: Command<RehearseInput> = async (context, input) => {
  const { cwd, random, terminal } = context;
  const loaded = await loadScenario(input.scenario, cwd);
  if (input.svg !== undefined) await refuseUnwritablePicture(resolve(cwd, input.svg));
  const seed = input.seed ?? loaded.scenario.seed ?? Math.floor(random.next() * 2 ** 31);
  terminal.say(`${loaded.name}, seed ${seed}: ${loaded.scenario.about}`);
  return withSubject(context, input, async (subject) => {
    const dir = await makeFolder(context, input);
    let isWanted = true;
    let isTold = false;
    const interrupted = context.untilInterrupted();
    try {
      const rehearsal = await play(context, { input, loaded, seed, subject, dir, interrupted });
      if (input.svg !== undefined) await writePicture(resolve(cwd, input.svg), drawRehearsal(rehearsal));
      isWanted = !rehearsal.passed;
      print(context, rehearsal, isWanted || input.into !== undefined ? dir : null);
      isTold = terminal.json;
      return rehearsal.passed ? exitCodes.ok : exitCodes.checkFailed;
    } finally {
      // What went wrong is kept to be looked into; what went well, was broken off, or never came to a job, is not.
      const jobs = join(dir, 'store', 'jobs');
      if (input.into === undefined && (!isWanted || !existsSync(jobs) || interrupted.aborted))
        await rm(dir, { recursive: true, force: true });
      else if (existsSync(jobs) && !isTold) {
        const { alone, rehearsed } = rehearsedJobs;
        const job = existsSync(join(jobs, rehearsed)) ? rehearsed : alone;
        terminal.say(
          `The evidence lies in ${dir}: objects in store/, steps in records/, faults in faults.ndjson, the workers' logs in instances/. \`holdfast why ${job} --dir ${dir}\` tells the story.`,
        );
      }
    }
  });
};

/** What a timer of Node.js can count: 24 days. */
const timerMsMax = 2 ** 31 - 1;

interface Play {
  readonly input: RehearseInput;
  readonly loaded: LoadedScenario;
  readonly seed: number;
  readonly subject: Subject;
  readonly dir: string;
  readonly interrupted: AbortSignal;
}

async function play(context: CliContext, order: Play): Promise<Rehearsal> {
  const { input, loaded, seed, subject, dir, interrupted } = order;
  const { clock, random, terminal } = context;
  const display = new LiveDisplay(terminal, clock);
  const limit = AbortSignal.timeout(Math.min(timerMsMax, Math.ceil(input.limitMs)));
  try {
    return await runRehearsal({
      ...loaded,
      subject,
      seed,
      dir,
      ports: { clock, random },
      signal: AbortSignal.any([interrupted, limit]),
      onPart: (title) => display.begin(title),
      onTold: (what) => display.tell(what),
      onLook: (look) => display.progress(look),
    });
  } catch (error) {
    if (!limit.aborted || interrupted.aborted) throw error;
    throw new UnfitError(`the rehearsal was not over after ${formatDuration(input.limitMs)}.`, {
      hint: 'Give it longer by --limit, or less to do by --set.',
      cause: error,
    });
  } finally {
    display.end();
  }
}

/** A file is a program; anything else is the id of a job in the region that the command line means. */
async function withSubject<Result>(
  context: CliContext,
  input: RehearseInput,
  use: (subject: Subject) => Promise<Result>,
): Promise<Result> {
  const { cwd } = context;
  const { subject, backend } = input;
  const file = resolve(cwd, subject);
  if (existsSync(file) && statSync(file).isFile()) {
    return use({
      kind: 'program',
      file,
      set: parseNameValues(input.set, '--set'),
      inputs: parseNameValues(input.input, '--input'),
      ...(backend !== undefined && { backend }),
      cwd,
    });
  }
  if (/[./\\]/.test(subject)) {
    throw new UsageError(`there is no program \`${subject}\`.`, {
      hint: 'Name a file that exports defineTraining(…), or the id of a job; `holdfast ls` lists them.',
    });
  }
  if (input.set.length > 0 || input.input.length > 0 || backend !== undefined) {
    throw new UsageError('--set, --input and --backend are for a program: a job is rehearsed as it is.', {
      hint: 'Leave them out, or rehearse the file of the program.',
    });
  }
  return withRegion(context, async (region) => {
    // Before anything is started for a job that is not there.
    await openExistingJob(region, subject);
    return use({ kind: 'job', jobId: subject, region });
  });
}

async function makeFolder({ cwd }: CliContext, { into }: RehearseInput): Promise<string> {
  if (into === undefined) return mkdtemp(join(tmpdir(), 'holdfast-rehearsal-'));
  const dir = resolve(cwd, into);
  if (!existsSync(dir)) return dir;
  const what = !statSync(dir).isDirectory()
    ? 'a file'
    : readdirSync(dir).length === 0
      ? undefined
      : 'a folder in which something lies already';
  if (what === undefined) return dir;
  throw new UsageError(`--into names ${what}.`, {
    facts: { dir },
    hint: 'Name a new folder: a rehearsal touches nothing but its own region.',
  });
}

function print({ terminal }: CliContext, rehearsal: Rehearsal, evidence: string | null): void {
  if (!terminal.json) {
    for (const line of rehearsalLines(rehearsal, terminal.colors)) terminal.print(line);
    return;
  }
  const { goodput, ...told } = rehearsal;
  terminal.printJson({ ...told, goodput: goodput.goodput, seconds: goodput.seconds, evidence });
}
