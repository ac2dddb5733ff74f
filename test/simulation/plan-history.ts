import type { Random } from '../../lib/base/random.ts';
import { between, chanceOf, isDrawn, oneOf } from './chance.ts';
import type { Asks, Trouble, RequestFault } from './troubles.ts';

const minuteMs = 60_000;

export interface JobPlan {
  readonly steps: number;
  readonly stepMs: number;
  readonly saveEverySteps: number;
  readonly keepLast: number;
  readonly submittedAtMs: number;
  readonly hasOneSlot: boolean;
  /** The program fails when it comes to this step, each time: a fault of its own. */
  readonly failsAtStep: number | undefined;
}

/** All that a history is made of, apart from the numbers that its processes draw. */
export interface HistoryPlan {
  readonly seed: number;
  readonly jobs: readonly JobPlan[];
  /** Places for machines; where one is lost another comes. */
  readonly places: number;
  /** Nothing goes wrong any more from here on. */
  readonly calmAtMs: number;
  readonly staleHandles: 'accepted' | 'refused';
  readonly troubles: readonly Trouble[];
}

/** How often each kind of machine trouble is drawn for one machine. */
const machinesPlanned = 5;

export function planHistory(seed: number): HistoryPlan {
  const random = chanceOf(seed, 'plan');
  const jobs = Array.from({ length: between(random, 1, 3) }, () => planJob(random));
  // Drawn apart, as what follows `staleHandles` is.
  const bugs = chanceOf(seed, 'bugs');
  const places = between(random, 1, 3);
  const calmAtMs = between(random, 20, 60) * minuteMs;
  const troubles: Trouble[] = [];
  for (let place = 0; place < places; place++) {
    for (let nth = 1; nth <= machinesPlanned; nth++) {
      troubles.push(...troublesOf(random, workerName(place, nth)));
    }
  }
  troubles.push(...troublesOfTickets(random, jobs.length, calmAtMs), ...outages(random, calmAtMs));
  if (isDrawn(random, 0.3)) troubles.push(...crowds(random, jobs.length, calmAtMs));
  if (isDrawn(random, 0.15))
    troubles.push({
      kind: 'bit-rot',
      atMs: between(random, 0, calmAtMs),
      job: between(random, 0, jobs.length - 1),
      pick: between(random, 0, 99),
    });
  troubles.push(...requestsOfOperators(random, jobs.length, calmAtMs));
  for (let nth = 1; nth <= 5; nth++) troubles.push(...faultsOf(random, `reconcile-${nth}`, 60, 0.3));
  const staleHandles = oneOf(random, ['accepted', 'refused'] as const);
  troubles.push(...verifications(chanceOf(seed, 'verifications'), jobs.length, calmAtMs));
  const plan = {
    seed,
    jobs: jobs.map((job) => ({
      ...job,
      failsAtStep: isDrawn(bugs, 0.08) ? between(bugs, 1, job.steps) : undefined,
    })),
    places,
    calmAtMs,
    staleHandles,
    troubles,
  };
  return isDrawn(chanceOf(seed, 'weather'), 0.15) ? inFairWeather(plan) : plan;
}

export function workerName(place: number, nth: number): string {
  return `worker-${place}.${nth}`;
}

/** Steps that a notice of two minutes leaves the time for. */
const shortStepMs = 25_000;

/**
 * Machines come, are noticed and go, and people ask for this and that; nothing else goes wrong. What must work where there
 * is the time for it shows only here.
 */
function inFairWeather(plan: HistoryPlan): HistoryPlan {
  const isFair = (trouble: Trouble): boolean => {
    switch (trouble.kind) {
      case 'death':
      case 'notice':
      case 'operator':
      case 'ticket':
      case 'bit-rot':
        return true;
      case 'request':
        return trouble.fault === 'dies-before' || trouble.fault === 'dies-after';
      case 'outage':
      case 'freeze':
      case 'clock-jump':
      case 'trainer':
        return false;
    }
  };
  const jobs = plan.jobs.map((job) => ({ ...job, stepMs: Math.min(job.stepMs, shortStepMs) }));
  return { ...plan, jobs, troubles: plan.troubles.filter(isFair) };
}

function planJob(random: Random): Omit<JobPlan, 'failsAtStep'> {
  const steps = between(random, 8, 30);
  // A step stays well within the five minutes in which a trainer must show that it goes on.
  const lastsMs = Math.min(between(random, 4, 40) * minuteMs, steps * 2 * minuteMs);
  return {
    steps,
    stepMs: Math.round(lastsMs / steps),
    saveEverySteps: between(random, 1, 6),
    keepLast: between(random, 1, 3),
    submittedAtMs: between(random, 0, 6 * minuteMs),
    hasOneSlot: isDrawn(random, 0.2),
  };
}

const weather: readonly RequestFault[] = [
  'unavailable',
  'unavailable',
  'refused',
  'lost-answer',
  'lost-answer',
  'lands-late',
  'repeated-late',
  'slow',
  'denied',
];

/** Faults of single requests, every so many, and perhaps the death at one of them. */
function faultsOf(random: Random, process: string, callsMax: number, deathShare: number): readonly Trouble[] {
  const faults: Trouble[] = [];
  if (isDrawn(random, 0.08)) {
    // A line on which requests overtake one another.
    for (let nth = between(random, 1, 7); nth <= callsMax; nth += between(random, 1, 13))
      faults.push({ kind: 'request', process, nth, fault: 'slow' });
  } else if (isDrawn(random, 0.6)) {
    const every = between(random, 5, 80);
    for (let nth = between(random, 1, every); nth <= callsMax; nth += between(random, 1, 2 * every))
      faults.push({ kind: 'request', process, nth, fault: oneOf(random, weather) });
  }
  if (isDrawn(random, deathShare)) {
    const fault = oneOf(random, ['dies-before', 'dies-after'] as const);
    // Early calls are those of claims and first commits, where most is at stake.
    const nth = isDrawn(random, 0.5) ? between(random, 1, 40) : between(random, 1, callsMax);
    faults.push({ kind: 'request', process, nth, fault });
  }
  return faults;
}

function troublesOf(random: Random, process: string): readonly Trouble[] {
  const troubles: Trouble[] = [...faultsOf(random, process, 250, 0.35)];
  const moment = (): number => between(random, 0, oneOf(random, [2, 8, 25]) * minuteMs);
  if (isDrawn(random, 0.25)) troubles.push({ kind: 'death', process, atMs: moment() });
  for (let nth = 0; nth < 2; nth++) {
    if (!isDrawn(random, 0.25)) continue;
    const forMs = isDrawn(random, 0.3)
      ? between(random, 1_000, 80_000)
      : between(random, 80_000, 8 * minuteMs);
    troubles.push({ kind: 'freeze', process, atMs: moment(), forMs, countsTime: isDrawn(random, 0.7) });
  }
  if (isDrawn(random, 0.15)) {
    const byMs = between(random, -30 * minuteMs, 30 * minuteMs);
    troubles.push({ kind: 'clock-jump', process, atMs: moment(), byMs });
  }
  if (isDrawn(random, 0.4)) {
    const notice = oneOf(random, ['spot', 'spot', 'hibernate', 'lifecycle', 'signal', 'rebalance'] as const);
    const killedAfterMs = isDrawn(random, 0.3) ? undefined : between(random, 2_000, 130_000);
    troubles.push({ kind: 'notice', process, atMs: moment(), notice, killedAfterMs });
  }
  if (isDrawn(random, 0.3)) {
    const trouble = oneOf(random, [
      'user-error',
      'infrastructure',
      'crash',
      'hang',
      'deaf',
      'abandons',
    ] as const);
    troubles.push({ kind: 'trainer', process, atMs: moment(), trouble });
  }
  return troubles;
}

function troublesOfTickets(random: Random, jobs: number, calmAtMs: number): readonly Trouble[] {
  return Array.from({ length: between(random, 0, 4) }, () => ({
    kind: 'ticket' as const,
    atMs: between(random, 0, calmAtMs),
    job: between(random, 0, jobs - 1),
    fault: oneOf(random, ['lost', 'twice', 'shown'] as const),
  }));
}

/** Longer than all retries. */
function outages(random: Random, calmAtMs: number): readonly Trouble[] {
  if (!isDrawn(random, 0.3)) return [];
  return Array.from({ length: between(random, 1, 3) }, () => ({
    kind: 'outage' as const,
    of: oneOf(random, ['store', 'store', 'queue'] as const),
    atMs: between(random, 0, calmAtMs),
    forMs: between(random, 5_000, 4 * minuteMs),
  }));
}

/** Several people at the very same job in the very same second. */
function crowds(random: Random, jobs: number, calmAtMs: number): readonly Trouble[] {
  const job = between(random, 0, jobs - 1);
  const atMs = between(random, 2 * minuteMs, calmAtMs);
  return Array.from({ length: between(random, 2, 6) }, (_, index) => ({
    kind: 'operator' as const,
    process: `crowd-${index + 1}`,
    atMs: atMs + between(random, 0, 400),
    job,
    asks: oneOf(random, operatorsAsk),
    pick: between(random, 0, 9),
  }));
}

/** People who read all checkpoints again, while the job trains and others drop some of them; of one that has rotted as well. */
function verifications(random: Random, jobs: number, calmAtMs: number): readonly Trouble[] {
  if (!isDrawn(random, 0.3)) return [];
  const job = between(random, 0, jobs - 1);
  const pick = between(random, 0, 99);
  const verifier = (nth: number, atMs: number): readonly Trouble[] => [
    { kind: 'operator', process: `verifier-${nth}`, atMs, job, asks: 'verify', pick },
    ...faultsOf(random, `verifier-${nth}`, 60, 0.1),
  ];
  const [firstMs = 0, secondMs = 0] = [1, 2].map(() => between(random, 2 * minuteMs, calmAtMs));
  const rot: readonly Trouble[] = isDrawn(random, 0.5)
    ? [{ kind: 'bit-rot', atMs: Math.max(0, firstMs - between(random, 0, minuteMs)), job, pick }]
    : [];
  return [...rot, ...verifier(1, firstMs), ...verifier(2, secondMs)];
}

const operatorsAsk: readonly Asks[] = [
  'pause',
  'pause',
  'pause',
  'resume',
  'resume-from',
  'retry',
  'pin',
  'pin',
  'unpin',
  'prune',
  'prune',
  'prune',
  'fork',
  'submit-again',
  'read',
];

function requestsOfOperators(random: Random, jobs: number, calmAtMs: number): readonly Trouble[] {
  const asked: Trouble[] = [];
  const count = isDrawn(random, 0.3) ? 0 : between(random, 1, 12);
  for (let nth = 1; nth <= count; nth++) {
    const process = `operator-${nth}`;
    const asks = isDrawn(random, 0.04) ? 'cancel' : oneOf(random, operatorsAsk);
    const [atMs, job, pick] = [
      between(random, minuteMs, calmAtMs),
      between(random, 0, jobs - 1),
      between(random, 0, 9),
    ];
    asked.push({ kind: 'operator', process, atMs, job, asks, pick });
    // Whoever pauses a job comes back to it.
    if (asks === 'pause')
      asked.push({
        kind: 'operator',
        process: `${process}-again`,
        job,
        pick,
        asks: oneOf(random, ['resume', 'resume', 'resume-from'] as const),
        atMs: atMs + between(random, 1_000, 10 * minuteMs),
      });
    asked.push(...faultsOf(random, process, 40, 0.2));
  }
  return asked;
}
