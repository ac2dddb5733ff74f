import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UnfitError } from '../../lib/base/errors.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { openStore, type RegionPorts } from '../../lib/client/region.ts';
import type { JobState } from '../../lib/journal/job-state.ts';
import { type Act, conduct } from './conduct.ts';
import { readFaultNotes } from './fault-log.ts';
import { JobWatcher, type Look } from './job-watcher.ts';
import { judge, type Rehearsal } from './judge.ts';
import type { LoadedScenario } from './load-scenario.ts';
import { readRun } from './run-evidence.ts';
import { faultsLogOf, openRehearsalRegion, type RehearsalRegion } from './rehearsal-region.ts';
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
  options.onPart(`The same job, put through \`${name}\``);
  const { acts, done } = await trainRehearsed(options);
  const store = await openStore(pathToFileURL(join(dir, 'store')).href, ports);
  const planned = plannedEvents(scenario);
  const faults = await readFaultNotes(faultsLogOf(dir));
  if (done === 0 && planned > 0 && faults.length === 0)
    throw new UnfitError('the job was over before anything had happened to it.', {
      hint: 'Give it more to do, with --set, so that it trains for some ten seconds at least.',
    });
  return judge({
    scenario: { name, about: scenario.about },
    seed,
    planned,
    done,
    acts,
    faults,
    alone: await readRun(store, dir, rehearsedJobs.alone),
    rehearsed: await readRun(store, dir, rehearsedJobs.rehearsed),
    now: ports.clock.now(),
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
