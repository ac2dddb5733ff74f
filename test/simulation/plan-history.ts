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
  const places = between(random, 1, 3);
  const calmAtMs = between(random, 20, 60) * minuteMs;
  const troubles: Trouble[] = [];
  for (let place = 0; place < places; place++) {
    for (let nth = 1; nth <= machinesPlanned; nth++) {
      troubles.push(...troublesOf(random, workerName(place, nth), calmAtMs));
    }
  }
  troubles.push(...troublesOfTickets(random, jobs.length, calmAtMs));
  troubles.push(...requestsOfOperators(random, jobs.length, calmAtMs));
  for (let nth = 1; nth <= 5; nth++) troubles.push(...faultsOf(random, `reconcile-${nth}`, 60, 0.3));
  const staleHandles = oneOf(random, ['accepted', 'refused'] as const);
  return { seed, jobs, places, calmAtMs, staleHandles, troubles };
}

export function workerName(place: number, nth: number): string {
  return `worker-${place}.${nth}`;
}

function planJob(random: Random): JobPlan {
  return {
    steps: between(random, 5, 40),
    stepMs: between(random, 500, 20_000),
    saveEverySteps: between(random, 1, 8),
    keepLast: between(random, 1, 3),
    submittedAtMs: between(random, 0, 10 * minuteMs),
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
  if (isDrawn(random, 0.6)) {
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

function troublesOf(random: Random, process: string, calmAtMs: number): readonly Trouble[] {
  const troubles: Trouble[] = [...faultsOf(random, process, 300, 0.35)];
  const moment = (): number => between(random, 0, calmAtMs);
  if (isDrawn(random, 0.2)) troubles.push({ kind: 'death', process, atMs: moment() });
  if (isDrawn(random, 0.25)) {
    const forMs = between(random, 1_000, 8 * minuteMs);
    troubles.push({ kind: 'freeze', process, atMs: moment(), forMs, countsTime: isDrawn(random, 0.7) });
  }
  if (isDrawn(random, 0.15)) {
    const byMs = between(random, -30 * minuteMs, 30 * minuteMs);
    troubles.push({ kind: 'clock-jump', process, atMs: moment(), byMs });
  }
  if (isDrawn(random, 0.35)) {
    const notice = oneOf(random, ['spot', 'spot', 'hibernate', 'lifecycle', 'signal', 'rebalance'] as const);
    const killedAfterMs = isDrawn(random, 0.3) ? undefined : between(random, 2_000, 130_000);
    troubles.push({ kind: 'notice', process, atMs: moment(), notice, killedAfterMs });
  }
  if (isDrawn(random, 0.2)) {
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

const operatorsAsk: readonly Asks[] = [
  'pause',
  'resume',
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
  const count = between(random, 0, 10);
  for (let nth = 1; nth <= count; nth++) {
    const asks = isDrawn(random, 0.05) ? 'cancel' : oneOf(random, operatorsAsk);
    const atMs = between(random, 0, calmAtMs);
    asked.push({
      kind: 'operator',
      atMs,
      job: between(random, 0, jobs - 1),
      asks,
      pick: between(random, 0, 9),
    });
    asked.push(...faultsOf(random, `operator-${nth}`, 40, 0.2));
  }
  return asked;
}
