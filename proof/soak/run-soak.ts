import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../lib/base/clock.ts';
import { UnfitError } from '../../lib/base/errors.ts';
import { unlessMissing } from '../../lib/base/file-errors.ts';
import { seededRandom, systemRandom } from '../../lib/base/random.ts';
import { inspectProgram } from '../../lib/client/inspect-program.ts';
import type { InspectProgram } from '../../lib/client/prepare-program.ts';
import type { MarketEnd } from '../../local/market-event.ts';
import type { MachineFaults } from '../rehearsal/worker-faults.ts';
import { auditExits } from './audit-exits.ts';
import { auditQueue, auditSoak } from './audit-soak.ts';
import type { Reference } from './audit-job.ts';
import type { Finding } from './finding.ts';
import { kinds as allKinds, type Kind } from './kinds.ts';
import { planJobs } from './plan-job.ts';
import { makeReferences } from './references.ts';
import type { SoakedJob } from './soak-job.ts';
import { soakJobs } from './soak-jobs.ts';
import type { SpotMarket } from '../../local/spot-market.ts';
import { openSoakRegion, type SoakRegion } from './soak-region.ts';
import type { SoakReport } from './soak-report.ts';
import { type BlowCounts, runStorm } from './storm.ts';

export interface SoakOptions {
  /** Scratch folder of this soak alone. */
  readonly dir: string;
  /** For how long jobs are submitted; the references come before, the last jobs and the audit after. */
  readonly forMs: number;
  readonly seed: number;
  /** Machines. @default 3 */
  readonly workers?: number;
  /** Seeds of each kind. @default 3 */
  readonly seeds?: number;
  /** @default every kind */
  readonly kinds?: readonly Kind[];
  /** How long a machine lives between two blows on average, in jobs that run alone. @default 2 */
  readonly livesOfJobs?: number;
  readonly clock: Clock;
  readonly onProgress?: (progress: SoakProgress) => void;
  readonly signal: AbortSignal;
}

export interface SoakProgress {
  readonly phase: 'references' | 'storm' | 'calm' | 'audit';
  readonly elapsedMs: number;
  readonly jobs: number;
  readonly attempts: number;
}

/** One call in some dozens of each process: often enough that a job of a second meets several. */
export const soakFaults: MachineFaults = {
  store: {
    unavailable: 0.01,
    'lost-answer': 0.01,
    refused: 0.01,
    'lands-late': 0.005,
    'repeated-late': 0.005,
    delayed: 0.05,
  },
  queue: { unavailable: 0.01, 'lost-answer': 0.01 },
};

/** Once nothing is submitted and nothing is struck any more, every job must be over by then: a ticket may be hidden, a claim silent, a retry delayed. */
const calmMsMax = 120_000;

/**
 * Hundreds of small jobs on machines that are killed all the time, over a store and a queue that fail, and then an audit of
 * every journal, checkpoint and step. One seed decides the jobs and the blows; real processes decide when they meet, so that a
 * second run is like the first and not the same.
 */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { dir, seed, seeds = 3, workers = 3, kinds = allKinds, clock, signal } = options;
  const startedMs = clock.monotonicMs();
  const progress = progressOf(options, startedMs);
  const inspect = inspectOnce();
  const references = await runReferences(options, { inspect, kinds, seeds });
  // A busy machine is struck less often: where no attempt comes to its first step nothing would be tested.
  const jobMs = (clock.monotonicMs() - startedMs) / Math.max(1, references.size);
  progress('storm', []);
  const all = { seed, workers, clock, random: systemRandom };
  await using soak = await openSoakRegion({ ...all, dir: join(dir, 'storm'), faults: soakFaults });
  const { jobs, blows } = await weather(options, { soak, inspect, kinds, seeds, jobMs });
  progress('audit', jobs);
  const queueFindings = await auditQueue(soak.region, { clock, signal });
  const audit = await auditSoak(soak.region, { jobs, references, recordsDir: soak.recordsDir });
  const findings = [...unstruck(blows), ...auditExits(soak.exits), ...queueFindings, ...audit.findings];
  return {
    schemaVersion: 1,
    ok: findings.length === 0 && audit.control.overlooked.length === 0 && audit.control.planted > 0,
    seed,
    seconds: (clock.monotonicMs() - startedMs) / 1_000,
    jobs: {
      all: jobs.length,
      completed: jobs.filter(({ state }) => state.status === 'completed').length,
      cancelled: jobs.filter(({ state }) => state.status === 'cancelled').length,
      forks: jobs.filter(({ state }) => state.forkedFrom !== null).length,
      references: references.size,
      retries: jobs.reduce((sum, { retries }) => sum + retries, 0),
    },
    attempts: {
      all: totalOf(jobs, 'claims'),
      handedOver: totalOf(jobs, 'interruptions'),
      silentDeaths: totalOf(jobs, 'silentDeaths'),
    },
    blows,
    faults: await countFaults(soak.faultsLog),
    acts: countedBy(jobs.flatMap(({ done }) => (done === undefined || done === 'nothing' ? [] : [done]))),
    ...audit,
    findings,
  };
}

/** Jobs on machines that nobody touched show nothing. */
function unstruck(blows: BlowCounts): readonly Finding[] {
  const struck = Object.values(blows).some((times) => times > 0);
  return struck ? [] : [{ jobId: '', rule: 'machines are struck', what: 'none was' }];
}

interface Means {
  readonly inspect: InspectProgram;
  readonly kinds: readonly Kind[];
  readonly seeds: number;
}

async function runReferences(
  { dir, seed, workers = 3, clock, signal, onProgress }: SoakOptions,
  { inspect, kinds, seeds }: Means,
): Promise<ReadonlyMap<string, Reference>> {
  onProgress?.({ phase: 'references', elapsedMs: 0, jobs: 0, attempts: 0 });
  const all = { seed, workers, clock, random: systemRandom };
  await using calm = await openSoakRegion({ ...all, dir: join(dir, 'alone'), faults: {} });
  const given = giveUpWith(calm.market, signal);
  const stage = { region: calm.region, recordsDir: calm.recordsDir, inspect, signal: given.signal };
  try {
    return await makeReferences(stage, { kinds, seeds, atOnce: workers });
  } catch (error) {
    signal.throwIfAborted();
    given.refuse();
    throw error;
  }
}

/** Of 32 machines: two jobs for each and two more, each with its fork, and whoever watches them. */
const waitsMax = 256;

/** A signal that also ends waits on machines of which no more are started, and that says so. */
function giveUpWith(
  market: SpotMarket,
  signal: AbortSignal,
): { readonly signal: AbortSignal; readonly refuse: () => void } {
  const gone = new AbortController();
  let broken: MarketEnd | undefined;
  void market.ended.then((end) => {
    broken = end;
    gone.abort();
  });
  const either = AbortSignal.any([signal, gone.signal]);
  setMaxListeners(waitsMax, either);
  return {
    signal: either,
    refuse() {
      if (broken !== undefined) throw machinesGone(broken);
    },
  };
}

/** Submits jobs and strikes machines for as long as wished; then lets the last jobs end in calm. */
async function weather(
  options: SoakOptions,
  { soak, inspect, kinds, seeds, jobMs }: Means & { readonly soak: SoakRegion; readonly jobMs: number },
): Promise<{ readonly jobs: readonly SoakedJob[]; readonly blows: BlowCounts }> {
  const { forMs, seed, clock, signal, workers = 3, livesOfJobs = 2 } = options;
  const startedMs = clock.monotonicMs();
  const progress = progressOf(options, startedMs);
  const goesOn = (): boolean => clock.monotonicMs() - startedMs < forMs;
  const calm = new AbortController();
  const storm = runStorm({
    market: soak.market,
    random: seededRandom(seed),
    clock,
    // Of all machines together; the references ran on as many.
    everyMs: livesOfJobs * jobMs,
    signal: AbortSignal.any([signal, calm.signal]),
  });
  const overdue = new AbortController();
  const given = giveUpWith(soak.market, AbortSignal.any([signal, overdue.signal]));
  const stage = { region: soak.region, inspect, signal: given.signal };
  // A storm that fails is told when it is waited for; until then nothing more is to be waited for.
  storm.catch(() => overdue.abort());
  const seen: SoakedJob[] = [];
  const load = soakJobs(stage, {
    plan: planJobs({ kinds, seeds, random: seededRandom(seed + 1) }),
    // More than machines, so that a machine whose job was taken away finds another.
    atOnce: 2 * workers + 2,
    goesOn,
    onJob(jobs) {
      seen.push(...jobs);
      progress(goesOn() ? 'storm' : 'calm', seen);
    },
  });
  const watch = (async () => {
    await clock.sleep(forMs, stage.signal);
    calm.abort();
    await clock.sleep(calmMsMax, stage.signal);
    overdue.abort();
  })().catch(() => undefined);
  try {
    const jobs = await load;
    // A soak that was broken off has jobs without an end, and that is no finding.
    signal.throwIfAborted();
    given.refuse();
    return { jobs, blows: await stopped(storm, calm) };
  } finally {
    overdue.abort();
    await stopped(storm, calm);
    await watch;
  }
}

/** The region gave up on its machines: what the jobs came to says nothing any more. */
function machinesGone(end: MarketEnd): UnfitError {
  const why = 'message' in end ? `${end.reason}: ${end.message}` : end.reason;
  return new UnfitError(`the region of the soak starts no more machines (${why}).`, {
    hint: 'Its folder holds `market.ndjson` and the log of every machine.',
    cause: 'error' in end ? end.error : undefined,
  });
}

async function stopped(storm: Promise<BlowCounts>, calm: AbortController): Promise<BlowCounts> {
  calm.abort();
  return storm;
}

/** A program is imported once, however many jobs it makes: what it says of itself does not change. */
function inspectOnce(): InspectProgram {
  const known = new Map<string, ReturnType<InspectProgram>>();
  return (code, inspecting) => {
    if (inspecting?.set !== undefined) return inspectProgram(code, inspecting);
    const answer = known.get(code) ?? inspectProgram(code, inspecting);
    known.set(code, answer);
    return answer;
  };
}

function progressOf(
  { onProgress, clock }: SoakOptions,
  startedMs: number,
): (phase: SoakProgress['phase'], jobs: readonly SoakedJob[]) => void {
  return (phase, jobs) =>
    onProgress?.({
      phase,
      elapsedMs: clock.monotonicMs() - startedMs,
      jobs: jobs.length,
      attempts: totalOf(jobs, 'claims'),
    });
}

function totalOf(jobs: readonly SoakedJob[], name: 'claims' | 'interruptions' | 'silentDeaths'): number {
  return jobs.reduce((sum, { state }) => sum + state.totals[name], 0);
}

async function countFaults(faultsLog: string): Promise<Record<string, number>> {
  const text = (await unlessMissing(readFile(faultsLog, 'utf8'))) ?? '';
  const faults = text.split('\n').flatMap((line) => {
    const found = /"where":"([a-z-]+)","what":"([a-z-]+)"/.exec(line);
    return found === null ? [] : [`${found[1]} ${found[2]}`];
  });
  return countedBy(faults);
}

function countedBy(names: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries(counts);
}
