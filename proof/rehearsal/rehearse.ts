import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UnfitError } from '../../lib/base/errors.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { openStore, type RegionPorts } from '../../lib/client/region.ts';
import type { JobState } from '../../lib/journal/job-state.ts';
import type { RunEvidence } from '../soak/audit-job.ts';
import { readEvidence } from '../soak/read-evidence.ts';
import { type Act, conduct } from './conduct.ts';
import { readFaultNotes } from './fault-log.ts';
import { JobWatcher, type Look } from './job-watcher.ts';
import { heldTo, judge, type Rehearsal } from './judge.ts';
import type { LoadedScenario } from './load-scenario.ts';
import { faultsLogOf, openRehearsalRegion, recordsDirOf, type RehearsalRegion } from './rehearsal-region.ts';
import { plannedEvents } from './scenario.ts';
import { type Subject, submitSubject } from './subject.ts';

export interface RehearsalOptions extends LoadedScenario {
  readonly subject: Subject;
  /** Decides everything that is drawn. */
  readonly seed: number;
  /** Folder of the rehearsal's own region. */
  readonly dir: string;
  readonly ports: RegionPorts;
  readonly signal: AbortSignal;
  readonly onPart: (title: string) => void;
  readonly onLook: (look: Look) => void;
  readonly onTold: (what: string) => void;
}

/** The job that is left alone, and the one that is not. */
export const rehearsedJobs = { alone: 'left-alone', rehearsed: 'rehearsed' } as const;

/**
 * Trains the same twice in a local region of its own: once left alone, once while a scenario is played. Then everything that
 * is left of the second run is held to what is promised, and to the first.
 * @throws UnfitError when the job does not even end well when it is left alone, or was over before anything had happened
 */
export async function rehearse(options: RehearsalOptions): Promise<Rehearsal> {
  await mkdir(options.dir, { recursive: true });
  const { scenario, name, seed, dir, ports } = options;
  options.onPart('The job, left alone');
  await trainAlone(options);
  const store = await openStore(pathToFileURL(join(dir, 'store')).href, ports);
  const recordsDir = recordsDirOf(dir);
  const alone = await readEvidence(store, { jobId: rehearsedJobs.alone, recordsDir });
  refuseDisorder(alone);
  options.onPart(`The same job, put through \`${name}\``);
  const { acts, done } = await trainRehearsed(options);
  const rehearsal = judge({
    scenario: { name, about: scenario.about },
    seed,
    planned: plannedEvents(scenario),
    done,
    acts,
    faults: await readFaultNotes(faultsLogOf(dir)),
    alone,
    rehearsed: await readEvidence(store, { jobId: rehearsedJobs.rehearsed, recordsDir }),
    now: ports.clock.now(),
  });
  refuseCalm(rehearsal);
  return rehearsal;
}

/** What is wrong by itself makes nothing else right. */
function refuseDisorder(alone: RunEvidence): void {
  const [first] = heldTo(alone, alone);
  if (first === undefined) return;
  throw new UnfitError(
    `the run that was left alone is not in order, so that nothing can be held to it: ${first.rule}: ${first.what}`,
    { hint: 'Rehearse again on a machine that does nothing else; if it stays, the program is at fault.' },
  );
}

/** A job to which nothing happened shows nothing, unless it went wrong all by itself. */
function refuseCalm({ passed, done, faults }: Rehearsal): void {
  if (!passed || done > 0 || Object.keys(faults).length > 0) return;
  throw new UnfitError('the job was over before anything had happened to it.', {
    hint: 'Give it more to do, with --set, so that it trains for some ten seconds at least.',
  });
}

async function trainAlone(options: RehearsalOptions): Promise<void> {
  await using open = await openRehearsalRegion({ ...options, workers: 1, faults: {} });
  const watcher = await submit(options, open, rehearsedJobs.alone);
  const { end } = await theEnd(watcher);
  if (end?.kind === 'completed') return;
  throw new UnfitError(
    `the job does not end well even when it is left alone: ${end === null ? '' : end.message || end.reason}`,
    {
      hint: `Mend the program first; \`holdfast logs left-alone --dir ${options.dir}\` shows what it said.`,
    },
  );
}

interface Played {
  readonly acts: readonly Act[];
  readonly done: number;
}

async function trainRehearsed(options: RehearsalOptions): Promise<Played> {
  const { scenario, seed, ports, onTold } = options;
  const { workers, faults } = scenario;
  const acts: Act[] = [];
  await using open = await openRehearsalRegion({ ...options, workers, faults });
  const watcher = await submit(options, open, rehearsedJobs.rehearsed);
  const done = await conduct(scenario, {
    watcher,
    market: open.local.market,
    clock: ports.clock,
    random: seededRandom(seed),
    signal: watcher.signal,
    onAct(act) {
      acts.push(act);
      onTold(`${act.instanceId}: ${act.what}`);
    },
  });
  return { acts, done };
}

async function submit(
  options: RehearsalOptions,
  { region, local }: RehearsalRegion,
  jobId: string,
): Promise<JobWatcher> {
  const { subject, scenario, onLook, onTold, dir } = options;
  for (const warning of await submitSubject(region, subject, { jobId, save: scenario.save }))
    onTold(`warning: ${warning}`);
  const stopped = new AbortController();
  void local.market.ended.then((end) => {
    const why = 'message' in end ? end.message : end.reason;
    stopped.abort(
      new UnfitError(`the region stopped: ${why}`, { hint: `The workers' logs lie in ${dir}/instances.` }),
    );
  });
  const signal = AbortSignal.any([options.signal, stopped.signal]);
  return JobWatcher.open(jobId, { region, signal, onLook });
}

function theEnd(watcher: JobWatcher): Promise<JobState> {
  return watcher.until('the end', ({ state }) => (state.end === null ? undefined : state));
}
